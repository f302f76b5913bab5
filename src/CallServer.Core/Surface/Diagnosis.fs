namespace CallServer.Surface

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Protocols

/// One step of a diagnosis, as `doctor --json` prints it.
[<NoComparison>]
type DiagnosisStep =
    {
        /// `reachability`, `credentials`, `version`, `profile`, `table`, `count`, `completeness`, `exactness`
        /// or `cost`.
        Step: string
        /// Whether it holds.
        Ok: bool
        /// What was seen, in words.
        Saw: string
        /// What to try; null where it holds.
        Fix: string
    }

/// How exactly the starts in one snapshot are known.
[<NoComparison>]
type internal Exactness =
    {
        /// Widths of the starts that have two bounds, ascending.
        Widths: TimeSpan[]
        /// Starts without a lower bound.
        Unbounded: int
        /// Connections that ring: they have no start yet.
        Ringing: int
        /// Connections whose times cannot be true together.
        Wrong: int
    }

module internal Exactness =
    let private isRinging (start: Timing) =
        start.Within.Latest = Instant.distantFuture && start.Evidence = Reported

    let starts (snapshot: Snapshot) : Map<ConnectionId, Interval> * int * int =
        let lawful = snapshot.Observations |> Array.map (Lawful.observation snapshot.Traits)
        let wrong = lawful |> Array.filter (fun (struct (_, wrong)) -> wrong.IsSome) |> Array.length
        let ringing (struct (o: Observation, _)) = o.Start |> ValueOption.exists isRinging
        let active = lawful |> Array.filter (ringing >> not)

        Map [ for struct (o, _) in active -> o.Id, (Times.startOf o).Within ],
        lawful.Length - active.Length,
        wrong

    let ofStarts (starts: Interval seq) (ringing: int) (wrong: int) : Exactness =
        let bounded, unbounded = starts |> Array.ofSeq |> Array.partition Interval.isBounded

        { Widths = bounded |> Array.map Interval.width |> Array.sort
          Unbounded = unbounded.Length
          Ringing = ringing
          Wrong = wrong }

    let median (exactness: Exactness) : TimeSpan = exactness.Widths[exactness.Widths.Length / 2]

/// Says step by step what one or two audits of a gateway saw, and what to mend. A step that the protocol has
/// not, or that cannot be looked at because an earlier one does not hold, is left out.
[<AbstractClass; Sealed>]
type Diagnosis private () =
    static let plural (count: int) (one: string) = if count = 1 then $"1 {one}" else $"{count} {one}s"

    static let holds step saw : DiagnosisStep = { Step = step; Ok = true; Saw = saw; Fix = null }
    static let fails step saw fix : DiagnosisStep = { Step = step; Ok = false; Saw = saw; Fix = fix }

    static let span (time: TimeSpan) =
        if time < TimeSpan.FromSeconds 1.0 then
            $"{Math.Ceiling(time.TotalMilliseconds):F0} ms"
        else
            $"{time.TotalSeconds:F1} s"

    static let words (reasons: Shortfall list) = Completeness.words reasons |> String.concat "; "

    /// What to try where the table was not told to its end.
    static let mendTable (reason: Shortfall) : string =
        match reason with
        | CutShort _ -> "look for loss or a firewall on the way, and how busy the gateway is"
        | Cancelled -> "give it more time: a longer --timeout"
        | NotIncreasing _ -> "report it to the vendor: its table does not end; another profile may read it"
        | IndexMoved _ -> "ask again when fewer calls come and go"
        | NotServed _ -> "name a profile that the gateway serves, or write one: callserver profiles"
        | Hidden _ -> "let the agent's access rules (views) show the whole table to whoever asks"
        | SwitchedOff _ -> "switch the table on at the gateway"
        | DoesNotList -> "ask it over another protocol: it does not list what it carries over this one"
        | TooLarge _ ->
            "ask it over a stream where it has one (ng+tcp, transport=tcp), or for fewer at a time"
        | PastLimit _ -> "raise that limit in the configuration if the gateway is meant to be as large"
        | Unreadable _ -> "see what the gateway sends (its log, a capture), and report it"
        | Silent _ -> "look for loss on the way, and whether the gateway limits how often it is asked"
        | Refused _
        | CountDisagrees _
        | RestartedMeanwhile
        | AnsweredElsewhere _
        | DeclaredPartial -> "see the reasons of the audit"

    static let isOfTable (reason: Shortfall) : bool =
        match reason with
        | CountDisagrees _
        | RestartedMeanwhile
        | AnsweredElsewhere _
        | DeclaredPartial
        | Refused _ -> false
        | Silent _
        | CutShort _
        | NotIncreasing _
        | IndexMoved _
        | NotServed _
        | Hidden _
        | SwitchedOff _
        | DoesNotList
        | TooLarge _
        | PastLimit _
        | Unreadable _
        | Cancelled -> true

    static let shortfalls (result: AuditResult) = Completeness.shortfalls result.Snapshot.Completeness

    static let refusal (result: AuditResult) =
        shortfalls result
        |> List.tryPick (fun reason ->
            match reason with
            | Refused(cause, detail) -> Some(struct (cause, detail))
            | _ -> None)

    static let carrier (uri: GatewayUri) =
        match uri.Reading.Carrier with
        | Carrier.Datagrams -> "UDP"
        | Carrier.DatagramsThenStream -> "UDP or TCP"
        | Carrier.Stream -> "TCP"
        | Carrier.Http(HttpForm.SecureRequests _) -> "HTTPS"
        | Carrier.Http(HttpForm.Bodies _)
        | Carrier.Http HttpForm.Requests -> "HTTP"

    static let reachability (uri: GatewayUri) (result: AuditResult) (found: string) : DiagnosisStep =
        let step = "reachability"

        if result.Silent && result.FellSilent then
            if isNull found then
                let reasons = shortfalls result |> List.filter ((<>) Cancelled)
                fails step (words reasons) (uri.Advice result)
            else
                fails
                    step
                    found
                    $"try whether {uri.Speaker} runs, on which port, and whether it listens on this address"
        else
            match shortfalls result |> List.tryFind _.IsAnsweredElsewhere with
            | Some(AnsweredElsewhere(_, option) as elsewhere) ->
                fails step (string elsewhere) $"put {option} into the URI, if that is the gateway"
            | _ -> holds step $"{uri.Authority} answers over {carrier uri}"

    static let credentials (uri: GatewayUri) (result: AuditResult) : DiagnosisStep voption =
        let step = "credentials"

        match refusal result with
        | Some(struct (cause, detail)) ->
            match uri.Reading.Refuses cause with
            | RefusalSubject.Credentials -> ValueSome(fails step detail (uri.Reading.IfRefused cause))
            | RefusalSubject.Version
            | RefusalSubject.Table -> ValueNone
        | None when uri.Reading.Takes.IsEmpty -> ValueNone
        | None ->
            let taken =
                uri.Reading.Takes
                |> List.map (fun secret ->
                    match secret with
                    | SecretName.Community -> "community"
                    | SecretName.Auth when uri.TakesPriv || uri.Reading.IsProfiled ->
                        "passphrase for authentication"
                    | SecretName.Auth -> "password, if it asked for one"
                    | SecretName.Priv -> "passphrase for encryption")
                |> String.concat " and the "

            ValueSome(holds step $"it takes the {taken}")

    static let version (uri: GatewayUri) (result: AuditResult) : DiagnosisStep voption =
        let step = "version"

        match refusal result, uri.Reading.Speaks with
        | Some(struct (cause, detail)), _ when uri.Reading.Refuses cause = RefusalSubject.Version ->
            ValueSome(fails step detail (uri.Reading.IfRefused cause))
        | Some _, _
        | None, ValueNone -> ValueNone
        | None, ValueSome speaks -> ValueSome(holds step speaks)

    /// The agent answers, and shows nothing of the profile that the URI names. `other` as for `Of`.
    static let foreign (name: string) (other: string) (result: AuditResult) : DiagnosisStep =
        let step = "profile"
        let lacks = $"the agent answers, and shows none of the tables of {name}"
        let rules = "let the agent's access rules (views) show its tables to whoever asks"

        if other = "" then
            fails
                step
                $"{lacks}, nor those of any other profile that is known: {words (shortfalls result)}"
                $"see whether this is the gateway; if it is, {rules}, or write a profile for it: callserver profiles"
        else
            fails
                step
                $"{lacks}; it has those of {other}"
                $"put profile={other} into the URI; only if it must be {name}, {rules}"

    static let profile (uri: GatewayUri) (result: AuditResult) (other: string) : DiagnosisStep voption =
        let step = "profile"
        let name = result.Profile

        if not uri.Reading.IsProfiled || (refusal result).IsSome then
            ValueNone
        elif name = "" then
            match shortfalls result |> List.tryFind _.IsNotServed with
            | Some reason -> ValueSome(fails step (string reason) (mendTable reason))
            | None -> ValueNone
        elif not (isNull other) && other <> name then
            ValueSome(foreign name other result)
        elif isNull uri.Profile then
            ValueSome(holds step $"{name}, found by asking; profile={name} in the URI saves the search")
        else
            ValueSome(holds step $"{name}, as the URI says")

    static let table (uri: GatewayUri) (result: AuditResult) : DiagnosisStep =
        let step = "table"
        let listed = plural result.Count "connection"

        match refusal result, shortfalls result |> List.filter isOfTable with
        | Some(struct (cause, detail)), _ -> fails step detail (uri.Reading.IfRefused cause)
        | None, (first :: _ as reasons) when result.Count = 0 -> fails step (words reasons) (mendTable first)
        | None, (first :: _ as reasons) -> fails step $"{listed}, and then: {words reasons}" (mendTable first)
        | None, [] ->
            match result.Snapshot.Completeness with
            | Complete proofs when List.contains WholeDocument proofs ->
                holds step $"{listed}, all in one whole document"
            | Complete proofs when List.contains EndOfTable proofs ->
                holds step $"{listed}, and the end of the table"
            | Complete _
            | Partial _ -> holds step $"{listed}"

    static let count (result: AuditResult) : DiagnosisStep voption =
        let step = "count"

        match result.Snapshot.Completeness with
        | Complete proofs when List.contains CountAgrees proofs ->
            ValueSome(holds step $"the gateway's own count agrees with the {result.Count} listed")
        | Complete _ -> ValueNone
        | Partial reasons ->
            match reasons |> List.tryFind _.IsCountDisagrees with
            | Some(CountDisagrees(counted, listed)) ->
                ValueSome(
                    fails
                        step
                        $"the gateway counts {counted}, its table lists {listed}"
                        (if counted > listed then
                             "look for calls that the table does not show (another kind of call, another view of the agent); until it agrees, no connection is closed by its absence"
                         else
                             "look for entries that outlive their calls at the gateway; until it agrees, no connection is closed by its absence")
                )
            | _ -> ValueNone

    static let completeness (result: AuditResult) (second: AuditResult) : DiagnosisStep =
        let step = "completeness"

        let verdict =
            if isNull second then
                Untold
            else
                Boot.judge result.Snapshot.Boot second.Snapshot.Boot

        match result.Snapshot.Completeness, verdict with
        | Partial reasons, _ ->
            let fix =
                match reasons |> List.tryFind _.IsRestartedMeanwhile with
                | Some _ -> "see why the gateway, or its agent, restarted, and ask again"
                | None -> "remove \"complete\": \"never\" if its list can be relied on"

            fails step (words reasons) fix
        | Complete _, Restarted _ ->
            fails
                step
                "the gateway, or its agent, restarted between two looks"
                "see why it restarts: at every restart all that it carries is asked for anew"
        | Complete proofs, _ when not (isNull second) && not second.Complete ->
            let first = proofs |> List.map string |> String.concat ", "

            fails
                step
                $"the first look was complete ({first}), the second was not: {words (shortfalls second)}"
                (match shortfalls second with
                 | reason :: _ when isOfTable reason -> mendTable reason
                 | _ -> "ask again: a gateway that tells everything only at times is complete only at times")
        | Complete proofs, verdict ->
            let proof = proofs |> List.map string |> String.concat ", "

            let again =
                match verdict with
                | SameRun -> "; the second look found the same boot"
                | CounterWrapped -> "; the up-time wrapped between two looks, nothing restarted"
                | AgentReloaded -> "; the agent read its configuration again between two looks"
                | Restarted _ -> ""
                | Untold when isNull second -> ""
                | Untold -> "; the second look was complete too"

            holds step $"{proof}{again}"

    static let exactness (correction: TimeSpan) (result: AuditResult) (second: AuditResult) =
        let step = "exactness"

        if result.Count = 0 then
            ValueNone
        else
            let starts, ringing, wrong = Exactness.starts result.Snapshot
            let first = Exactness.ofStarts starts.Values ringing wrong

            let narrowed, contradicted =
                if isNull second then
                    [], 0
                else
                    let again, _, _ = Exactness.starts second.Snapshot

                    let both =
                        [ for KeyValue(id, start) in starts do
                              match Map.tryFind id again with
                              | Some later -> Interval.intersect start later
                              | None -> () ]

                    both |> List.choose ValueOption.toOption, both |> List.filter _.IsNone |> List.length

            let told =
                if first.Widths.Length = 0 && first.Unbounded = 0 then
                    let all = plural first.Ringing "connection"
                    $"{all}, all ringing: none has a start yet"
                elif first.Widths.Length = 0 then
                    "the gateway dates no start: a server bounds each by the audits before and after it"
                else
                    let worst = Array.last first.Widths
                    let dated = plural first.Widths.Length "start"

                    let open' =
                        if first.Unbounded > 0 then $"; {first.Unbounded} without a lower bound" else ""

                    let median = span (Exactness.median first)

                    let narrower =
                        let second = Exactness.ofStarts narrowed 0 0
                        let now = if second.Widths.Length > 0 then span (Exactness.median second) else median

                        if now <> median && Exactness.median second < Exactness.median first then
                            $"; the second look narrows the median to {now}"
                        else
                            ""

                    $"{dated} known to {median} (median), {span worst} at worst{open'}{narrower}"

            let fix =
                "compare the gateway's clock and up-time with its calls' times; what contradicts is left out and counted as a conflict"

            if wrong > 0 then
                ValueSome(fails step (result.Conflicts correction) fix)
            elif contradicted > 0 then
                let starts = plural contradicted "start"
                ValueSome(fails step $"two looks contradict each other about {starts}; {told}" fix)
            else
                ValueSome(holds step told)

    static let cost (result: AuditResult) (second: AuditResult) : DiagnosisStep =
        let took (result: AuditResult) = span (result.Answered - result.Asked)

        let again =
            if isNull second then
                ""
            else
                let requests = plural second.Requests "request"
                $"; the second look {requests} in {took second}"

        let each =
            if result.Count = 0 || result.Requests * 10 < result.Count then
                ""
            else
                $", {float result.Requests / float result.Count:F1} a connection"

        let requests = plural result.Requests "request"
        holds "cost" $"{requests} in {took result}{each}{again}"

    /// Whether the agent answers and shows nothing of the profile that the URI names, so that it may be another vendor's.
    static member IsOfAnotherKind(uri: GatewayUri, result: AuditResult) : bool =
        uri.Reading.IsProfiled
        && not (isNull uri.Profile)
        && result.Count = 0
        && shortfalls result |> List.exists (fun reason -> reason.IsNotServed || reason.IsHidden)

    /// The steps in order.
    /// `second` is a later look at the same gateway, or null: it shows whether starts narrow and the boot is
    /// stable. `other` is the profile that a look without the URI's own one found, empty if it found none, and null if there was no such
    /// look. `found` says what is wrong with the gateway's port, in words; null if nothing was seen. The
    /// correction is added to every time (see ServerStamp).
    static member Of
        (
            uri: GatewayUri,
            result: AuditResult,
            second: AuditResult,
            other: string,
            found: string,
            correction: TimeSpan
        ) : IReadOnlyList<DiagnosisStep> =
        // Each step is looked at only if those before it hold.
        let rec walk (steps: (unit -> DiagnosisStep voption) list) : DiagnosisStep list =
            match steps with
            | [] -> []
            | look :: rest ->
                match look () with
                | ValueSome step when not step.Ok -> [ step ]
                | ValueSome step -> step :: walk rest
                | ValueNone -> walk rest

        let found =
            walk
                [ fun () -> ValueSome(reachability uri result found)
                  fun () -> credentials uri result
                  fun () -> version uri result
                  fun () -> profile uri result other
                  fun () -> ValueSome(table uri result)
                  fun () -> count result
                  fun () -> ValueSome(completeness result second) ]

        // What came can be measured, whatever is missing.
        let measured =
            [ if not result.Silent then
                  match exactness correction result second with
                  | ValueSome step -> step
                  | ValueNone -> ()

                  cost result second ]

        Array.ofList (found @ measured)
