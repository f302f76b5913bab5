namespace CallServer.Gateway

open System
open System.Globalization

/// What is wrong with a notifier, to order.
[<NoComparison>]
type SipVices =
    {
        Silent: bool
        /// No password is right.
        RefusesPasswords: bool
        /// Every nonce is too old as soon as it is used.
        StaleNonces: bool
        /// Every SUBSCRIBE gets this final response.
        Answers: int voption
        /// An event package with a parameter is another one, as Kamailio sees it: 489.
        PlainOnly: bool
        /// The notification goes out before the 2xx.
        NotifyFirst: bool
        /// So many notifiers answer, as behind a proxy that forks; each has its share of the dialogs.
        Forks: int
        /// 2xx, and nothing more.
        NoNotify: bool
        /// Documents end at two thirds.
        Truncates: bool
        /// Documents bring a document type whose entities grow without end.
        Bomb: bool
        /// Bodies are said to be of so many octets.
        Huge: int64 voption
        /// Notifications go to another tag.
        WrongTags: bool
        /// Notifications of another package.
        WrongEvent: bool
        /// Bodies of another kind.
        Foreign: bool
        /// Versions begin anew with every document.
        LoopsVersions: bool
        /// Every other version is missing.
        SkipsVersions: bool
        /// Every document says that it is partial, whatever it lists.
        SaysPartial: bool
        /// Ended dialogs are listed for a while.
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
        /// Standing subscriptions are ended after so many notifications, for the subscriber to make a new one.
        Deactivates: int voption
        /// Streams are closed instead of an answer.
        HangsUp: bool
        /// Everything takes so long.
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
          NoNotify = false
          Truncates = false
          Bomb = false
          Huge = ValueNone
          WrongTags = false
          WrongEvent = false
          Foreign = false
          LoopsVersions = false
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

/// A notifier's vices by the words of the command line: `answers=489`.
module SipViceWords =
    /// Name, the range of its value (none: it takes no value), and what it does.
    let private words: (string * struct (int * int) voption * (int -> SipVices -> SipVices)) list =
        let flag name set = name, ValueNone, (fun (_: int) vices -> set vices)
        let number name least most set = name, ValueSome(struct (least, most)), set

        [ flag "silent" (fun vices -> { vices with Silent = true })
          flag "refuses-passwords" (fun vices -> { vices with RefusesPasswords = true })
          flag "stale-nonces" (fun vices -> { vices with StaleNonces = true })
          number "answers" 300 699 (fun n vices -> { vices with Answers = ValueSome n })
          flag "plain-event-only" (fun vices -> { vices with PlainOnly = true })
          flag "notify-first" (fun vices -> { vices with NotifyFirst = true })
          number "forks" 2 16 (fun n vices -> { vices with Forks = n })
          flag "no-notify" (fun vices -> { vices with NoNotify = true })
          flag "truncates" (fun vices -> { vices with Truncates = true })
          flag "bomb" (fun vices -> { vices with Bomb = true })
          number "huge-mb" 1 2000 (fun n vices -> { vices with Huge = ValueSome(int64 n * 1048576L) })
          flag "wrong-tags" (fun vices -> { vices with WrongTags = true })
          flag "wrong-event" (fun vices -> { vices with WrongEvent = true })
          flag "foreign-body" (fun vices -> { vices with Foreign = true })
          flag "loops-versions" (fun vices -> { vices with LoopsVersions = true })
          flag "skips-versions" (fun vices -> { vices with SkipsVersions = true })
          flag "says-partial" (fun vices -> { vices with SaysPartial = true })
          flag "lists-terminated" (fun vices -> { vices with ListsTerminated = true })
          flag "no-ids" (fun vices -> { vices with NoIds = true })
          flag "empty-body" (fun vices -> { vices with Empty = true })
          flag "declares-utf-16" (fun vices -> { vices with DeclaresUtf16 = true })
          flag "no-duration" (fun vices -> { vices with NoDuration = true })
          flag "doubles" (fun vices -> { vices with Doubles = true })
          number "deactivates-after" 1 1000 (fun n vices -> { vices with Deactivates = ValueSome n })
          flag "hangs-up" (fun vices -> { vices with HangsUp = true })
          number "ms" 0 600000 (fun n vices -> { vices with Delay = TimeSpan.FromMilliseconds(float n) }) ]

    /// As help lists them.
    let known: string list =
        words |> List.map (fun (name, range, _) -> if range.IsSome then $"{name}=N" else name)

    /// Adds the vice of that word; an error names the mistake.
    let add (word: string) (vices: SipVices) : Result<SipVices, string> =
        let parts = word.Split('=', 2)
        let name = parts[0]
        let value = if parts.Length = 2 then ValueSome parts[1] else ValueNone

        match words |> List.tryFind (fun (known, _, _) -> known = name), value with
        | None, _ ->
            let all = String.concat ", " known
            Error $"there is no SIP vice '{name}'; known are {all}"
        | Some(_, ValueNone, set), ValueNone -> Ok(set 0 vices)
        | Some(_, ValueNone, _), ValueSome _ -> Error $"the SIP vice {name} takes no value"
        | Some(_, ValueSome(struct (least, most)), set), value ->
            let text = ValueOption.defaultValue "" value

            match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, n when n >= least && n <= most -> Ok(set n vices)
            | _ -> Error $"the SIP vice {name} takes a whole number from {least} to {most}: {name}=N"
