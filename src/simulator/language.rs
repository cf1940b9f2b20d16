//! Captions and status texts in the host's language.

use super::options::Language;

impl Language {
    /// The text in this language; English where it has no translation.
    pub(super) fn say(self, english: &str) -> &str {
        match self {
            Self::English => english,
            Self::Japanese => {
                JAPANESE.iter().find(|(own, _)| *own == english).map_or(english, |(_, text)| *text)
            }
        }
    }
}

const JAPANESE: &[(&str, &str)] = &[
    ("Virtual Machine", "仮想マシン"),
    ("Microsoft Virtual Machine", "Microsoft 仮想マシン"),
    ("Hosting Computer System", "ホスト コンピューター システム"),
    ("Microsoft Hosting Computer System", "Microsoft ホスト コンピューター システム"),
    ("Replication Service", "レプリケーション サービス"),
    ("Replication Settings", "レプリケーション設定"),
    ("Resynchronizing", "再同期中"),
    ("Stop Resynchronizing", "再同期の停止"),
    ("Replicate State Change", "レプリケーション状態の変更"),
    ("Operating normally", "正常稼働中"),
    ("Job is running", "ジョブを実行中です"),
    ("Job is completed", "ジョブは完了しました"),
    ("Job failed", "ジョブは失敗しました"),
    ("The job has been terminated", "ジョブは終了されました"),
];
