/// The simulated notifier.
module CallServer.Tests.Gateway.SipResponderTests

open System
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests
open CallServer.Tests.Wire

let private epoch = Instant.ofMicros 1_790_000_000_000_000L
let private seconds (value: float) = TimeSpan.FromSeconds value

let private table connections : Table =
    Table.create 2UL { TableOptions.standard with Connections = connections } epoch

let private peer = "198.51.100.4:5066"

let private subscribe (branch: string) (cseq: int) (expires: int) (extra: SipHeader list) : SipMessage =
    { Start = SipStart.Request("SUBSCRIBE", "sip:gw1@192.0.2.1")
      Headers =
        [| Sip.header "Via" $"SIP/2.0/UDP {peer};branch={branch}"
           Sip.header "From" "<sip:me@example.org>;tag=mine"
           Sip.header "To" "<sip:gw1@192.0.2.1>"
           Sip.header "Call-ID" "call-1"
           Sip.header "CSeq" $"{cseq} SUBSCRIBE"
           Sip.header "Contact" $"<sip:me@{peer}>"
           Sip.header "Event" "dialog"
           Sip.header "Expires" (string expires)
           yield! extra |]
      Body = [||] }

/// The datagrams sent, decoded, and the instant at which it wants to be woken.
let private outcome (commands: ResponderCommand list) : SipMessage list * Instant voption =
    let sent =
        commands
        |> List.choose (fun command ->
            match command with
            | SendTo(_, _, octets) ->
                match SipCodec.decode octets with
                | Ok message -> Some message
                | Error wrong -> failwith (string wrong)
            | WriteTo _
            | HangUp _
            | TickAt _
            | EndConnection _ -> None)

    let tick =
        commands
        |> List.tryPick (fun command ->
            match command with
            | TickAt at -> Some at
            | SendTo _
            | WriteTo _
            | HangUp _
            | EndConnection _ -> None)

    sent, ValueOption.ofOption tick

let private tell (now: Instant) table event (responder: Responder) =
    let struct (next, commands) = responder.Advance now table event
    next, outcome commands

let private ask now table message responder =
    tell now table (Datagram(peer, SipCodec.encode message)) responder

let private status (message: SipMessage) : int =
    match message.Start with
    | SipStart.Response(status, _) -> status
    | SipStart.Request _ -> 0

let private document (message: SipMessage) : DialogInfo =
    match DialogInfoCodec.decode message.Body with
    | Ok info -> info
    | Error wrong -> failwith (string wrong)

let private confirm (notify: SipMessage) : SipMessage =
    { Start = SipStart.Response(200, "OK")
      Headers = notify.Headers |> Array.filter (fun header -> header.Name = "Via" || header.Name = "CSeq")
      Body = [||] }

let private honest () = SipResponder.create SipOptions.standard

let ``a fetch gets a 2xx and one whole document`` =
    example (fun () ->
        let table = table 12
        let responder, (sent, _) = ask epoch table (subscribe "z9hG4bKa" 1 0 []) (honest ())
        Check.equal [ 200; 0 ] (List.map status sent)
        let info = document sent[1]
        Check.equal (true, ValueSome 0L, 12) (info.IsFull, info.Version, info.Dialogs.Length)
        (Sip.tryHeader "Subscription-State" sent[1]).Value |> Check.equal "terminated;reason=timeout"
        responder.Heard |> Check.equal 1

        // Without the event's parameter no session is described.
        info.Dialogs |> Array.forall (fun dialog -> dialog.Local.Value.Session = "") |> Check.isTrue

        let ids = info.Dialogs |> Array.map _.Id |> Array.sort
        let named = table.Connections |> Array.map (fun c -> (responder.Identify c).Head.Id) |> Array.sort
        Check.equal named ids)

let ``a repeated SUBSCRIBE is answered again, and notified of once`` =
    example (fun () ->
        let table = table 3
        let request = subscribe "z9hG4bKa" 1 0 []
        let responder, _ = ask epoch table request (honest ())
        let _, (sent, _) = ask (epoch + seconds 0.5) table request responder
        Check.equal [ 200 ] (List.map status sent))

let ``a notification is repeated until it is answered, or for 32 s`` =
    example (fun () ->
        let table = table 3

        let rec follow responder at (times: float list) =
            let responder, (sent, tick) = tell at table Tick responder
            let times = if sent.IsEmpty then times else (at - epoch).TotalSeconds :: times

            match tick with
            | ValueSome next -> follow responder next times
            | ValueNone -> List.rev times

        let responder, (sent, tick) = ask epoch table (subscribe "z9hG4bKa" 1 0 []) (honest ())

        Check.equal
            [ 0.5; 1.5; 3.5; 7.5; 11.5; 15.5; 19.5; 23.5; 27.5; 31.5 ]
            (follow responder tick.Value [])

        let responder, (_, tick) = ask epoch table (confirm sent[1]) responder
        Check.equal ValueNone tick
        let _, (sent, _) = tell (epoch + seconds 1.0) table Tick responder
        Check.equal [] sent)

let ``a standing subscription is told of changes, at most once a second`` =
    example (fun () ->
        let before = table 3
        let responder, (sent, _) = ask epoch before (subscribe "z9hG4bKa" 1 600 []) (honest ())
        (Sip.tryHeader "Subscription-State" sent[1]).Value |> Check.equal "active;expires=600"
        let responder, _ = ask epoch before (confirm sent[1]) responder

        let at = epoch + seconds 0.2
        let struct (after, _, events) = Table.openOne TimeSpan.Zero at before
        let responder, (sent, tick) = tell at after (Happened events) responder
        Check.equal [] sent
        Check.equal (ValueSome(epoch + seconds 1.0)) tick
        let responder, (sent, _) = tell tick.Value after Tick responder
        Check.equal (4, ValueSome 1L) ((document sent[0]).Dialogs.Length, (document sent[0]).Version)
        let responder, _ = ask tick.Value after (confirm sent[0]) responder

        // The subscription ends when its time is over.
        let responder, (sent, _) = tell (epoch + seconds 600.0) after Tick responder
        (Sip.tryHeader "Subscription-State" sent[0]).Value |> Check.equal "terminated;reason=timeout"
        let _, (_, tick) = ask (epoch + seconds 600.0) after (confirm sent[0]) responder
        Check.equal ValueNone tick)

let ``partial documents bring what changed, and what ended as terminated`` =
    example (fun () ->
        let before = table 3
        let options = { SipOptions.standard with Partials = true }

        let responder, (sent, _) =
            ask epoch before (subscribe "z9hG4bKa" 1 600 []) (SipResponder.create options)

        let responder, _ = ask epoch before (confirm sent[1]) responder
        let at = epoch + seconds 2.0
        let struct (after, opened) = Table.closeOne 1L at before
        let _, (sent, _) = tell at after (Happened opened) responder
        let info = document sent[0]
        Check.equal (false, [| DialogState.Terminated |]) (info.IsFull, info.Dialogs |> Array.map _.State))

let ``after a restart nobody is subscribed any more`` =
    example (fun () ->
        let table = table 3
        let responder, _ = ask epoch table (subscribe "z9hG4bKa" 1 600 []) (honest ())
        let responder, _ = tell epoch table Restarted responder
        let again = subscribe "z9hG4bKb" 2 600 []

        let inDialog =
            { again with
                Headers =
                    again.Headers
                    |> Array.map (fun header ->
                        if header.Name = "To" then
                            Sip.header "To" "<sip:gw1@192.0.2.1>;tag=old"
                        else
                            header) }

        let _, (sent, tick) = ask epoch table inDialog responder
        Check.equal [ 481 ] (List.map status sent)
        Check.equal ValueNone tick)

let ``what is too long for a datagram is never seen`` =
    example (fun () ->
        let _, (sent, _) = ask epoch (table 300) (subscribe "z9hG4bKa" 1 0 []) (honest ())
        Check.equal [ 200 ] (List.map status sent))

let ``digest: challenged, let in, too old, wrong`` =
    example (fun () ->
        let table = table 3

        let options =
            { SipOptions.standard with
                Login = ValueSome(struct ("alice", "secret"B))
                NonceLife = seconds 10.0 }

        let responder, (sent, _) =
            ask epoch table (subscribe "z9hG4bKa" 1 0 []) (SipResponder.create options)

        Check.equal [ 401 ] (List.map status sent)
        let challenges = Sip.headers "WWW-Authenticate" sent[0]
        challenges.Length |> Check.equal 2
        let challenge = (SipDigest.choose challenges).Value
        Check.equal (DigestAlgorithm.Sha256, false) (challenge.Algorithm, challenge.Stale)

        let proven (password: string) at branch =
            let answer =
                SipDigest.answer
                    "alice"
                    (Secret.ofText password)
                    "SUBSCRIBE"
                    "sip:gw1@192.0.2.1"
                    "c"
                    1
                    challenge

            let proof = Sip.header "Authorization" (SipDigest.answerText answer)
            let _, (sent, _) = ask at table (subscribe branch 2 0 [ proof ]) responder
            sent

        Check.equal [ 200; 0 ] (proven "secret" epoch "z9hG4bKb" |> List.map status)
        Check.equal [ 401 ] (proven "Secret" epoch "z9hG4bKc" |> List.map status)
        let late = proven "secret" (epoch + seconds 11.0) "z9hG4bKd"
        Check.equal true (SipDigest.choose (Sip.headers "WWW-Authenticate" late[0])).Value.Stale)

let ``streams: cut anywhere, and hung up on after noise`` =
    example (fun () ->
        let table = table 3
        let octets = SipCodec.encode (subscribe "z9hG4bKa" 1 0 [])
        let struct (first, commands) = (honest ()).Advance epoch table (Octets(7, octets[..99]))
        commands |> Check.isEmpty
        let struct (second, commands) = first.Advance epoch table (Octets(7, octets[100..]))

        let isWrite command =
            match command with
            | WriteTo(7, _, _) -> true
            | WriteTo _
            | SendTo _
            | HangUp _
            | TickAt _
            | EndConnection _ -> false

        commands |> List.filter isWrite |> List.length |> Check.equal 2
        let struct (_, commands) = second.Advance epoch table (Octets(7, "noise\r\n\r\n"B))
        commands |> List.exists (fun command -> command.IsHangUp) |> Check.isTrue)

let ``no octets throw`` =
    law (fun (seed: uint64) (noise: byte[]) ->
        let noise = if isNull noise then [||] else noise
        let table = table 3
        let octets = SipCodec.encode (subscribe "z9hG4bKa" 1 600 [ Sip.header "Authorization" "Digest a=b" ])
        let damaged = Mutation.some noise octets seed
        let responder, _ = tell epoch table (Datagram(peer, damaged)) (honest ())
        let struct (responder, _) = responder.Advance epoch table (Octets(1, damaged))
        let struct (responder, _) = responder.Advance epoch table (Octets(1, noise))
        tell (epoch + seconds 5.0) table Tick responder |> ignore)

let ``vices have words, and wrong words are named`` =
    example (fun () ->
        let added word =
            match SipViceWords.add word SipVices.none with
            | Ok vices -> vices
            | Error mistake -> failwith mistake

        Check.equal (ValueSome 489) (added "answers=489").Answers
        Check.equal 3 (added "forks=3").Forks
        Check.equal true (added "notify-first").NotifyFirst

        for word in SipViceWords.known do
            let word =
                if word.EndsWith("=N", StringComparison.Ordinal) then
                    word.Replace("=N", "=400")
                else
                    word

            match SipViceWords.add word SipVices.none with
            | Ok _ -> ()
            | Error mistake -> mistake |> Check.because word (Check.says "from 2 to 16")

        for word, expected in
            [ "nonsense", "there is no SIP vice 'nonsense'"
              "answers", "takes a whole number from 300 to 699"
              "answers=7", "takes a whole number"
              "silent=1", "takes no value" ] do
            match SipViceWords.add word SipVices.none with
            | Ok _ -> failtest word
            | Error mistake -> mistake |> Check.says expected)
