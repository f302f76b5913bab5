/// Fetches and watches of a notifier whose every message is written here: what no simulated one says.
module CallServer.Tests.Audit.SipAnswersTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Sip
open CallServer.Tests
open CallServer.Tests.Audit.SipTests

let private at (second: float) : Moment = Moment.at (SipBench.start + seconds second)

/// The SUBSCRIBE among the first commands.
let private subscribe (commands: Command list) : SipMessage =
    commands
    |> List.pick (fun command ->
        match command with
        | Send octets ->
            match SipCodec.decode octets with
            | Ok message -> Some message
            | Error wrong -> failwith (string wrong)
        | Connect
        | Write _
        | WakeAt _
        | Told _
        | Finished _ -> None)

/// The 2xx of the notifier with this tag.
let private accept (tag: string) (request: SipMessage) : byte[] =
    SipCodec.encode
        { Start = SipStart.Response(200, "OK")
          Headers =
            [| for header in request.Headers do
                   match header.Name with
                   | "Via"
                   | "From"
                   | "Call-ID"
                   | "CSeq" -> header
                   | "To" -> { header with Value = $"{header.Value};tag={tag}" }
                   | _ -> ()
               Sip.header "Contact" "<sip:notifier@192.0.2.1:5060>"
               Sip.header "Expires" "3600" |]
          Body = [||] }

/// A notification of the notifier with this tag.
let private notify (tag: string) (cseq: int) (document: DialogInfo) (request: SipMessage) : byte[] =
    let header name = (Sip.tryHeader name request).Value

    SipCodec.encode
        { Start = SipStart.Request("NOTIFY", "sip:callserver@198.51.100.4:5066")
          Headers =
            [| Sip.header "Via" $"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{tag}{cseq}"
               Sip.header "From" $"""{header "To"};tag={tag}"""
               Sip.header "To" (header "From")
               Sip.header "Call-ID" (header "Call-ID")
               Sip.header "CSeq" $"{cseq} NOTIFY"
               Sip.header "Contact" "<sip:notifier@192.0.2.1:5060>"
               Sip.header "Event" "dialog"
               Sip.header "Subscription-State" "active;expires=3600"
               Sip.header "Content-Type" DialogInfo.MediaType |]
          Body = DialogInfoCodec.encode document }

let private dialog (id: string) (state: DialogState) : Dialog =
    { dialogOf id "r" state with CallId = $"call of {id}" }

let private document (isFull: bool) (version: int64) (dialogs: Dialog list) : DialogInfo =
    { Version = ValueSome version
      IsFull = isFull
      Entity = "sip:gw1@192.0.2.1"
      Dialogs = Array.ofList dialogs }

let private whole = document true
let private change = document false
let private going (id: string) : Dialog = dialog id DialogState.Confirmed

/// What a watch that renews nothing for an hour tells of these notifications, each at its second.
let private watched (documents: (float * DialogInfo) list) : Snapshot list =
    let state, commands =
        SipWatch.start (SipBench.gateway OverUdp) SipMemory.none (TimeSpan.FromHours 1.0) SipBench.given

    let request = subscribe commands
    let state, _ = SipWatch.advance (Received(at 0.01, accept "n" request)) state

    let take (state: SipWatch.State) (number: int, (second: float, document: DialogInfo)) =
        let octets = notify "n" (number + 1) document request
        let state, commands = SipWatch.advance (Received(at second, octets)) state

        SipBench.told commands, state

    List.indexed documents |> List.mapFold take state |> fst |> List.concat

let private ids (snapshot: Snapshot) : string list =
    snapshot.Observations |> Array.map (fun o -> string o.Id) |> List.ofArray

// Watches.

let ``a watch whose first document is partial is not whole`` =
    example (fun () ->
        let told = watched [ 0.02, change 0L [ going "a" ]; 5.0, change 1L [ going "b" ] ]
        Check.equal [ [ "cut-short" ]; [ "cut-short" ] ] (List.map kinds told)
        words told.Head |> Check.says "partial")

let ``where a version is missing, the watch is whole no more`` =
    example (fun () ->
        let told =
            watched
                [ 0.02, whole 0L [ going "a"; going "b" ]
                  5.0, change 1L [ going "a" ]
                  10.0, change 3L [ going "a" ]
                  15.0, change 4L [ going "a" ]
                  20.0, whole 5L [ going "a"; going "b" ] ]

        Check.equal [ []; []; [ "cut-short" ]; [ "cut-short" ]; [] ] (List.map kinds told)
        words told[2] |> Check.says "missing")

let ``what is not the whole state says nothing of dialogs that it does not tell of`` =
    example (fun () ->
        let told = watched [ 0.02, whole 0L [ going "a"; going "b" ]; 60.0, change 2L [ going "a" ] ]
        Check.equal [ [ "a"; "b" ]; [ "a" ] ] (List.map ids told))

let ``a document that nobody asked for is at most half a minute old`` =
    example (fun () ->
        let told = watched [ 0.02, whole 0L [ going "a" ]; 300.0, change 1L [ going "b" ] ]

        for snapshot in told do
            snapshot.Answered - snapshot.Asked |> Check.atMost (seconds 32.0))

let ``a dialog that goes on does not ring again, whatever an update calls it`` =
    example (fun () ->
        let told = watched [ 0.02, whole 0L [ going "a" ]; 5.0, change 1L [ dialog "a" DialogState.Early ] ]

        for snapshot in told do
            Check.equal (ValueSome "confirmed") snapshot.Observations[0].Facts.State)

// Fetches.

let ``a fetch waits for the notifier that accepted it, though another was quicker`` =
    example (fun () ->
        let state, commands = SipAudit.start (SipBench.gateway OverUdp) SipMemory.none SipBench.given
        let request = subscribe commands

        let step (state: SipAudit.State, finished: Snapshot list) (event: Event) =
            let state, commands = SipAudit.advance event state

            state,
            finished
            @ List.choose
                (fun command ->
                    match command with
                    | Finished snapshot -> Some snapshot
                    | Send _
                    | Connect
                    | Write _
                    | WakeAt _
                    | Told _ -> None)
                commands

        let _, finished =
            ((state, []),
             [ Received(at 0.01, accept "one" request)
               Received(at 0.02, notify "two" 1 (whole 0L [ going "b" ]) request)
               Woke(at 0.7)
               Received(at 0.9, notify "one" 1 (whole 0L [ going "a" ]) request)
               Woke(at 2.0) ])
            ||> List.fold step

        let snapshot = List.exactlyOne finished
        Check.equal [] (kinds snapshot)
        Check.equal [ "a"; "b" ] (ids snapshot))
