//! What really happened on the host, for comparison with what a client says.

use jiff::Timestamp;

/// A method call that reached its method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodCall {
    /// When.
    pub at: Timestamp,
    /// Class of the instance.
    pub class: &'static str,
    /// The method.
    pub method: &'static str,
    /// Key of the VM or job that it was about, if it exists.
    pub subject: Option<String>,
    /// Who called.
    pub user: String,
    /// What it returned.
    pub return_value: u32,
}

/// An execution of Msvm_ReplicationService.Resynchronize, refused ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resynchronization {
    /// When.
    pub at: Timestamp,
    /// GUID of the VM; `None` where the reference named none of this host.
    pub vm: Option<String>,
    /// StartTime, unless null.
    pub start_time: Option<Timestamp>,
    /// Who called.
    pub user: String,
    /// What it returned.
    pub return_value: u32,
    /// InstanceID of the job that it returned.
    pub job: Option<String>,
}

/// The host's own account.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Every method call, in order.
    pub calls: Vec<MethodCall>,
    /// Every call of Resynchronize, in order.
    pub resynchronizations: Vec<Resynchronization>,
    /// GUID of the VM and time of every resynchronization that began to work, whoever asked for it.
    pub begun: Vec<(String, Timestamp)>,
    /// GUID of the VM and time of every resynchronization that ended in success.
    pub succeeded: Vec<(String, Timestamp)>,
    /// GUID of the VM and time of every mishap of an unquiet host; without a GUID it happened to all.
    pub befallen: Vec<(Option<String>, Timestamp)>,
}

impl Truth {
    /// How often Resynchronize was executed for a VM, whatever it returned.
    pub fn executions(&self, guid: &str) -> usize {
        self.resynchronizations.iter().filter(|call| call.vm.as_deref() == Some(guid)).count()
    }

    /// How often Resynchronize was accepted for a VM: ReturnValue 0 or 4096.
    pub fn accepted(&self, guid: &str) -> usize {
        let mut calls = self.resynchronizations.iter();
        calls.by_ref().filter(|call| call.vm.as_deref() == Some(guid) && call.was_accepted()).count()
    }
}

impl Resynchronization {
    /// Whether the host took it on.
    pub fn was_accepted(&self) -> bool {
        matches!(self.return_value, 0 | 4096)
    }
}
