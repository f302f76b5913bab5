namespace CallServer.Gateway

open System

/// What a notifier does with an initial SUBSCRIBE with Expires 0.
[<RequireQualifiedAccess>]
type SipFetch =
    /// It reports its dialogs, as RFC 6665 §4.4.3 says.
    | Told
    /// It sends a notification without a body, `terminated;reason=noresource` (FreeSWITCH).
    | NoResource
    /// 400 (Asterisk's res_pjsip_pubsub).
    | BadRequest
    /// It answers 423 with this Min-Expires, also to any other time that is too short.
    | TooBrief of least: int

/// The faults that a simulated notifier can be given.
[<NoComparison>]
type SipVices =
    {
        Silent: bool
        /// Every password is wrong.
        RefusesPasswords: bool
        /// Every nonce is too old as soon as it is used.
        StaleNonces: bool
        /// Every SUBSCRIBE gets this final response.
        Answers: int voption
        /// It treats an event package with a parameter as a different package and answers 489, as Kamailio does.
        PlainOnly: bool
        /// The NOTIFY leaves before the 2xx.
        NotifyFirst: bool
        /// This many notifiers answer, as behind a forking proxy; each has its share of the dialogs.
        Forks: int
        /// All notifiers but the first answer this much later.
        LateForks: TimeSpan
        /// All notifiers but the first stop responding to a subscriber once it has answered them, like phones that went out of
        /// reach.
        LosesForks: bool
        Fetch: SipFetch
        /// Updates list only what changed, without Call-ID and tags, but say that they are full (FreeSWITCH).
        SingleUpdates: bool
        /// Notifications go to the Contact of the first SUBSCRIBE, whatever later ones say (FreeSWITCH).
        KeepsContact: bool
        /// Each dialog is listed a second time with the remote tag of another branch of its fork, which has ended.
        ForkedDialogs: bool
        /// Display names contain characters that XML does not allow, and letters in ISO-8859-1, which the document declares.
        OddNames: bool
        /// It sends a 2xx and nothing more.
        NoNotify: bool
        /// Documents are cut off after two thirds.
        Truncates: bool
        /// Documents contain a document type definition whose entities expand without end.
        Bomb: bool
        /// Bodies claim to have this many octets.
        Huge: int64 voption
        /// Notifications carry a wrong tag.
        WrongTags: bool
        /// Notifications are of another event package.
        WrongEvent: bool
        /// Bodies are of another media type.
        Foreign: bool
        /// Versions start again with every document.
        LoopsVersions: bool
        /// Every document has version 0.
        ConstantVersions: bool
        /// Every other version is skipped.
        SkipsVersions: bool
        /// Every document says that it is partial, whatever it lists.
        SaysPartial: bool
        /// Ended dialogs stay listed for a while.
        ListsTerminated: bool
        /// Dialogs have no id.
        NoIds: bool
        /// Bodies are empty.
        Empty: bool
        /// Documents in UTF-8 declare UTF-16.
        DeclaresUtf16: bool
        NoDuration: bool
        /// Each dialog is listed a second time, as it was when it began.
        Doubles: bool
        /// Standing subscriptions are ended after this many notifications, and the subscriber must make a new one.
        Deactivates: int voption
        /// Streams are closed instead of being answered.
        HangsUp: bool
        /// Everything it sends is delayed by this time.
        Delay: TimeSpan
    }

module SipVices =
    let none: SipVices =
        { Silent = false
          RefusesPasswords = false
          StaleNonces = false
          Answers = ValueNone
          PlainOnly = false
          NotifyFirst = false
          Forks = 1
          LateForks = TimeSpan.Zero
          LosesForks = false
          Fetch = SipFetch.Told
          SingleUpdates = false
          KeepsContact = false
          ForkedDialogs = false
          OddNames = false
          NoNotify = false
          Truncates = false
          Bomb = false
          Huge = ValueNone
          WrongTags = false
          WrongEvent = false
          Foreign = false
          LoopsVersions = false
          ConstantVersions = false
          SkipsVersions = false
          SaysPartial = false
          ListsTerminated = false
          NoIds = false
          Empty = false
          DeclaresUtf16 = false
          NoDuration = false
          Doubles = false
          Deactivates = ValueNone
          HangsUp = false
          Delay = TimeSpan.Zero }

    /// What FreeSWITCH's mod_sofia does (sofia_presence.c).
    let freeSwitch: SipVices =
        { none with Fetch = SipFetch.NoResource; SingleUpdates = true; KeepsContact = true }

/// Reads a notifier's vices from the command line, such as `answers=489`.
module SipViceWords =
    [<Literal>]
    let internal Noun = "SIP vice"

    let internal words: Word<SipVices> list =
        [ Words.flag "silent" (fun vices -> { vices with Silent = true })
          Words.flag "refuses-passwords" (fun vices -> { vices with RefusesPasswords = true })
          Words.flag "stale-nonces" (fun vices -> { vices with StaleNonces = true })
          Words.ranged "answers" 300 699 (fun n vices -> { vices with Answers = ValueSome n })
          Words.flag "plain-event-only" (fun vices -> { vices with PlainOnly = true })
          Words.flag "notify-first" (fun vices -> { vices with NotifyFirst = true })
          Words.ranged "forks" 2 16 (fun n vices -> { vices with Forks = n })
          Words.ranged "late-forks-ms" 0 600000 (fun n vices ->
              { vices with LateForks = TimeSpan.FromMilliseconds(float n) })
          Words.flag "loses-forks" (fun vices -> { vices with LosesForks = true })
          Words.flag "fetch-noresource" (fun vices -> { vices with Fetch = SipFetch.NoResource })
          Words.flag "fetch-400" (fun vices -> { vices with Fetch = SipFetch.BadRequest })
          Words.ranged "min-expires" 1 86400 (fun n vices -> { vices with Fetch = SipFetch.TooBrief n })
          Words.flag "single-updates" (fun vices -> { vices with SingleUpdates = true })
          Words.flag "keeps-contact" (fun vices -> { vices with KeepsContact = true })
          Words.flag "forked-dialogs" (fun vices -> { vices with ForkedDialogs = true })
          Words.flag "odd-names" (fun vices -> { vices with OddNames = true })
          Words.flag "no-notify" (fun vices -> { vices with NoNotify = true })
          Words.flag "truncates" (fun vices -> { vices with Truncates = true })
          Words.flag "bomb" (fun vices -> { vices with Bomb = true })
          Words.ranged "huge-mb" 1 2000 (fun n vices -> { vices with Huge = ValueSome(int64 n * 1048576L) })
          Words.flag "wrong-tags" (fun vices -> { vices with WrongTags = true })
          Words.flag "wrong-event" (fun vices -> { vices with WrongEvent = true })
          Words.flag "foreign-body" (fun vices -> { vices with Foreign = true })
          Words.flag "loops-versions" (fun vices -> { vices with LoopsVersions = true })
          Words.flag "constant-versions" (fun vices -> { vices with ConstantVersions = true })
          Words.flag "skips-versions" (fun vices -> { vices with SkipsVersions = true })
          Words.flag "says-partial" (fun vices -> { vices with SaysPartial = true })
          Words.flag "lists-terminated" (fun vices -> { vices with ListsTerminated = true })
          Words.flag "no-ids" (fun vices -> { vices with NoIds = true })
          Words.flag "empty-body" (fun vices -> { vices with Empty = true })
          Words.flag "declares-utf-16" (fun vices -> { vices with DeclaresUtf16 = true })
          Words.flag "no-duration" (fun vices -> { vices with NoDuration = true })
          Words.flag "doubles" (fun vices -> { vices with Doubles = true })
          Words.ranged "deactivates-after" 1 1000 (fun n vices -> { vices with Deactivates = ValueSome n })
          Words.flag "hangs-up" (fun vices -> { vices with HangsUp = true })
          Words.ranged "ms" 0 600000 (fun n vices ->
              { vices with Delay = TimeSpan.FromMilliseconds(float n) }) ]

    /// The words as the help lists them.
    let known: string list = Words.known words

    /// Adds the vice that this word names. An error describes the mistake.
    let add (word: string) (vices: SipVices) : Result<SipVices, string> = Words.addAs Noun words word vices
