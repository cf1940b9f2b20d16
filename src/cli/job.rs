//! `job`: the jobs of the host.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cim::{Reference, Selector};
use crate::client::Client;
use crate::job::{Ending, Job, JobError, JobReader, errors, follow, list};
use crate::msvm::concrete_job::ConcreteJob;
use crate::msvm::resource_uri;
use crate::replica::{JobCancel, affected, cancel_job};

use super::args::{Connection, Format, JobCommand};
use super::connect::Host;
use super::duration::words;
use super::exit::Exit;
use super::fail::{Fail, written};
use super::interrupts;
use super::output::outcome::{FORMAT, job as job_json, time};
use super::output::text::{printable, table};

/// Runs the command.
pub(super) async fn run(connection: &Connection, command: &JobCommand) -> Exit {
    match run_command(connection, command).await {
        Ok(exit) => exit,
        Err(fail) => fail.end(connection.output),
    }
}

async fn run_command(connection: &Connection, command: &JobCommand) -> Result<Exit, Fail> {
    let host = Host::new(connection)?;
    let client = host.client()?;
    let exit = match command {
        JobCommand::List => show_all(connection, &host, &client).await,
        JobCommand::Show { id } => show(connection, &host, &client, id).await,
        JobCommand::Follow { id, timeout } => follow_job(connection, &host, &client, (id, *timeout)).await,
        JobCommand::Cancel { id } => cancel(connection, &host, &client, id).await,
    };
    host.close();
    exit
}

async fn show_all(connection: &Connection, host: &Host, client: &Client) -> Result<Exit, Fail> {
    let jobs = list(client).await?;
    let links = affected(client).await?;
    let of = |job: &Job| -> Vec<Value> {
        let own = links.iter().filter(|(id, _)| id.eq_ignore_ascii_case(&job.instance_id));
        own.map(|(_, element)| element_json(element)).collect()
    };
    let mut out = std::io::stdout().lock();
    written(match connection.output {
        Format::Human => {
            let rows: Vec<Vec<String>> = jobs.iter().map(row).collect();
            write!(out, "{}", table(&["ID", "TYPE", "STATE", "DONE", "ELAPSED"], &rows))
        }
        Format::Json => {
            let jobs: Vec<Value> = jobs.iter().map(|job| whole(job, &[], Some(&of(job)))).collect();
            writeln!(out, "{}", json!({ "format": FORMAT, "host": host.name, "jobs": jobs }))
        }
        Format::Ndjson => {
            jobs.iter().try_for_each(|job| writeln!(out, "{}", whole(job, &[], Some(&of(job)))))
        }
    })?;
    Ok(Exit::Success)
}

async fn show(connection: &Connection, host: &Host, client: &Client, id: &str) -> Result<Exit, Fail> {
    let job = JobReader::new(reference(id)).read(client).await?.ok_or_else(|| no_such_job(id))?;
    let errors = if job.is_over() && !job.is_success() { errors(client, &job).await } else { Vec::new() };
    print(connection, host, &job, &errors)?;
    Ok(Exit::Success)
}

async fn follow_job(
    connection: &Connection,
    host: &Host,
    client: &Client,
    (id, timeout): (&str, Option<Duration>),
) -> Result<Exit, Fail> {
    let interrupt = interrupts::heed();
    let mut shown = None;
    let report = |job: &Job| {
        let sign = (job.state, job.percent_complete);
        if shown.replace(sign) != Some(sign) && connection.output != Format::Json {
            progress(connection, job);
        }
    };
    let following = follow(client, reference(id), host.pace, report);
    let stopped = |message: &str| {
        Fail::new(Exit::StoppedWaiting, "still_running", message)
            .hint(format!("follow it again with `hvreplica job follow {id}`"))
    };
    let ending = tokio::select! {
        biased;
        () = interrupt.wished() => return Err(stopped("interrupted; the job goes on")),
        () = out_of_time(client, timeout) => return Err(stopped("stopped waiting after the time given; the job goes on")),
        ending = following => ending?,
    };
    let exit = Exit::of_following(&ending);
    let again = format!("follow it again with `hvreplica job follow {id}`");
    match ending {
        Ending::Over(job) => {
            let errors = if job.is_success() { Vec::new() } else { errors(client, &job).await };
            print(connection, host, &job, &errors)?;
            Ok(exit)
        }
        Ending::Suspended(_) => {
            Err(Fail::new(exit, "suspended", "somebody suspended the job; it can be resumed").hint(again))
        }
        Ending::NotFound => Err(no_such_job(id)),
        Ending::Vanished(_) => {
            let message =
                "the job is gone: the host has removed it, or was restarted; how it ended cannot be told";
            Err(Fail::new(exit, "unknown", message)
                .hint("for a resynchronization look at `hvreplica status`"))
        }
        Ending::LostContact(_) => {
            Err(Fail::new(exit, "unknown", "the host could not be read any more").hint(again))
        }
    }
}

async fn out_of_time(client: &Client, timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => client.clock().sleep(timeout).await,
        None => std::future::pending().await,
    }
}

async fn cancel(connection: &Connection, host: &Host, client: &Client, id: &str) -> Result<Exit, Fail> {
    let cancel = cancel_job(client, &reference(id)).await?;
    let exit = Exit::of_cancelling(&cancel);
    match cancel {
        JobCancel::Cancelled(job) => {
            print(connection, host, &job, &[])?;
            Ok(exit)
        }
        JobCancel::NotFound => Err(no_such_job(id)),
        JobCancel::EndedBefore(job) => {
            let message = format!("the job has ended already: {} ({})", job.state_label(), job.state.code());
            Err(Fail::new(exit, "refused", message))
        }
        JobCancel::Refused { is_resynchronization, code, label } => {
            let what = if is_resynchronization { "cancel the resynchronization" } else { "end the job" };
            let message = format!("the host refused to {what}: {label} ({code})");
            let fail = Fail::new(exit, "return_value", message);
            Err(if is_resynchronization {
                fail.hint("once the disks are being merged there is no way back")
            } else {
                fail
            })
        }
        JobCancel::NotReached(_) => {
            let message = "cancelling was asked for, but the host does not show it";
            let hint =
                format!("look at `hvreplica job show {id}` and `hvreplica status` before asking again");
            Err(Fail::new(exit, "unknown", message).may_have_run().hint(hint))
        }
    }
}

fn reference(id: &str) -> Reference {
    Reference::new(resource_uri(ConcreteJob::CLASS), vec![Selector::new("InstanceID", id)])
}

fn no_such_job(id: &str) -> Fail {
    Fail::new(Exit::NotFound, "not_found", format!("there is no job {id:?}"))
        .hint("a host keeps an ended job for five minutes; see `hvreplica job list`")
}

fn print(connection: &Connection, host: &Host, job: &Job, errors: &[JobError]) -> Result<(), Fail> {
    let mut out = std::io::stdout().lock();
    written(match connection.output {
        Format::Human => write!(out, "{}", block(job, errors)),
        Format::Json | Format::Ndjson => {
            let mut document = whole(job, errors, None);
            if let Some(document) = document.as_object_mut() {
                document.insert("format".to_owned(), FORMAT.into());
                document.insert("host".to_owned(), host.name.as_str().into());
            }
            writeln!(out, "{document}")
        }
    })
}

fn progress(connection: &Connection, job: &Job) {
    if connection.output == Format::Ndjson {
        let event = json!({ "event": "progress", "job": job_json(job, &[]) });
        let _ = writeln!(std::io::stdout().lock(), "{event}");
    } else if !connection.quiet {
        let percent = job.percent_complete.unwrap_or_default();
        let elapsed = job.elapsed.map(words).unwrap_or_default();
        let _ = writeln!(std::io::stderr().lock(), "{percent:>3} %  {elapsed}  {}", job.state_label());
    }
}

fn whole(job: &Job, errors: &[JobError], affected: Option<&[Value]>) -> Value {
    let mut document = job_json(job, errors);
    if let Some(document) = document.as_object_mut() {
        let kind = job.job_type.map(|kind| json!({ "code": kind.code(), "label": kind.label() }));
        document.insert("type".to_owned(), kind.into());
        document.insert("started_at".to_owned(), job.started.or(job.submitted).map(time).into());
        // Where it was not asked for, nothing is said of it.
        if let Some(affected) = affected {
            document.insert("affected".to_owned(), affected.into());
        }
    }
    document
}

fn element_json(element: &Reference) -> Value {
    let id = element.selector("Name").or_else(|| element.selector("InstanceID"));
    json!({ "class": element.class(), "id": id })
}

fn row(job: &Job) -> Vec<String> {
    vec![
        printable(&job.instance_id).into_owned(),
        job.job_type.map(|kind| kind.to_string()).unwrap_or_default(),
        format!("{} ({})", job.state_label(), job.state.code()),
        job.percent_complete.map(|percent| format!("{percent} %")).unwrap_or_default(),
        job.elapsed.map(words).unwrap_or_default(),
    ]
}

fn block(job: &Job, errors: &[JobError]) -> String {
    let [id, kind, state, done, elapsed] = <[String; 5]>::try_from(row(job)).unwrap_or_default();
    let mut text =
        format!("job      {id}\ntype     {kind}\nstate    {state}\ndone     {done}\nelapsed  {elapsed}\n");
    for error in errors {
        let code = error.code.as_deref().map(|code| format!("{}: ", printable(code))).unwrap_or_default();
        text.push_str(&format!("error    {code}{}\n", printable(&error.message)));
    }
    text
}
