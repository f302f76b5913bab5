/// The fetch and the watch of SIP's dialog event package, in virtual time.
module CallServer.Tests.Audit.SipTests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Sip
open CallServer.Gateway
open CallServer.Tests
open CallServer.Tests.Wire

let internal seconds (value: float) = TimeSpan.FromSeconds value

let internal last (run: SipRun) : Snapshot =
    run.Finishes |> Check.because "it ends exactly once" (Check.equal 1)
    run.Finished.Value

let internal kinds (snapshot: Snapshot) : string list =
    match snapshot.Completeness with
    | Complete _ -> []
    | Partial reasons -> reasons |> List.map _.Kind

let internal words (snapshot: Snapshot) : string =
    match snapshot.Completeness with
    | Complete proof -> $"%A{proof}"
    | Partial reasons -> reasons |> List.map string |> String.concat "; "

let internal checkTrue (run: SipRun) (snapshot: Snapshot) : unit =
    match SipBench.faults run snapshot with
    | [] -> ()
    | faults -> failtest (String.Join("\n", Seq.truncate 5 faults))

let private fetchAt transport link options table : SipRun =
    SipBench.fetch 5UL link options table (SipBench.gateway transport) SipMemory.none

let private small () = SipBench.table 3UL 20 0.0 false

let internal withVices vices = { SipOptions.standard with Vices = vices }

// What a fetch reports of an honest gateway.

let ``a fetch lists every dialog with all that the gateway told`` =
    examples [ "udp"; "tcp" ] (fun (transport: string) ->
        let table = small ()
        let way = if transport = "udp" then OverUdp else OverTcp
        let run = fetchAt way SipLink.lan SipOptions.standard table
        let snapshot = last run
        Check.equal (Complete [ WholeDocument ]) snapshot.Completeness
        snapshot.Observations.Length |> Check.equal 20
        snapshot.Requests |> Check.equal 1
        checkTrue run snapshot

        let byId = snapshot.Observations |> Array.map (fun o -> string o.Id, o) |> Map.ofArray

        for c in table.Connections do
            let identity = run.Identify c
            let o = byId[identity.Id]
            Check.equal identity.Call (o.Facts.Call |> ValueOption.map string |> ValueOption.toOption)
            Check.equal identity.Originator (ValueOption.toOption o.Facts.Originator)
            Check.equal identity.Endpoint (ValueOption.toOption o.Facts.Endpoint)
            Check.equal (ValueSome $"sip:{c.Called}@example.net") o.Facts.Remote
            Check.equal (SimCodec.name c.Codec) o.Facts.Codec.Value.Name
            Check.equal (ValueSome "sendrecv") o.Facts.Mode
            Check.equal (ValueSome "confirmed") o.Facts.State
            Check.equal c.LocalPort o.Facts.LocalMedia.Value.Port
            Check.equal (SimConnection.hostText c.RemoteHost) o.Facts.RemoteMedia.Value.Host
            // The setup is known to a second either way, plus the round trip.
            Interval.width o.Setup.Value.Within |> Check.below (seconds 2.1)
            Check.equal Reported o.Setup.Value.Evidence
            Check.equal Bounded o.Start.Value.Evidence)

let ``what is asked is a SUBSCRIBE as the RFCs want it`` =
    example (fun () ->
        let run = fetchAt OverUdp SipLink.lan SipOptions.standard (small ())

        match SipCodec.decode run.Sent.Head with
        | Error wrong -> failtest (string wrong)
        | Ok message ->
            Check.equal (SipStart.Request("SUBSCRIBE", "sip:gw1@192.0.2.1")) message.Start
            let header name = (Sip.tryHeader name message).Value
            header "Via" |> Check.startsWith "SIP/2.0/UDP 198.51.100.4:5066;branch=z9hG4bK"
            Check.equal "0" (header "Expires")
            Check.equal "70" (header "Max-Forwards")
            Check.equal "dialog;include-session-description" (header "Event")
            Check.equal "application/dialog-info+xml" (header "Accept")
            Check.equal "<sip:callserver@198.51.100.4:5066>" (header "Contact")
            Check.equal "<sip:gw1@192.0.2.1>" (header "To")
            header "From" |> Check.startsWith "<sip:alice@example.org>;tag="
            Check.equal (ValueSome(struct (1L, "SUBSCRIBE"))) (SipFields.cseq message)

        // The other datagram answers the notification.
        match SipCodec.decode run.Sent[1] with
        | Ok { Start = SipStart.Response(200, _) } -> ()
        | other -> failtest $"%A{other}")

let ``no dialogs at all: a document without any, and a notification without a body`` =
    example (fun () ->
        for vices in [ SipVices.none; { SipVices.none with Empty = true } ] do
            let snapshot =
                last (fetchAt OverUdp SipLink.lan (withVices vices) (SipBench.table 1UL 0 0.0 false))

            Check.equal (Complete [ WholeDocument ]) snapshot.Completeness
            snapshot.Observations |> Check.isEmpty)

let ``ringing dialogs are not active yet`` =
    example (fun () ->
        let table = SipBench.table 9UL 40 3.0 true
        let run = fetchAt OverUdp SipLink.lan SipOptions.standard table
        let snapshot = last run
        checkTrue run snapshot

        let early = snapshot.Observations |> Array.filter (fun o -> o.Facts.State = ValueSome "early")

        early |> Check.isNotEmpty

        for o in early do
            Check.equal Instant.distantFuture o.Start.Value.Within.Latest)

// The truth under churn on bad paths.

/// A seed, how lossy the path is, and the transport.
type Case = { Seed: uint64; Loss: float; Way: SipTransport; Ringing: bool; Churn: float }

type CaseArbitraries =
    static member Case() : Arbitrary<Case> =
        gen {
            let! seed = Gen.choose64 (1L, 1_000_000_000L)
            let! loss = Gen.choose (0, 30)
            let! way = Gen.elements [ OverUdp; OverTcp; UdpThenTcp ]
            let! ringing = Gen.elements [ true; false ]
            let! churn = Gen.choose (0, 20)

            return
                { Seed = uint64 seed
                  Loss = float loss / 100.0
                  Way = way
                  Ringing = ringing
                  Churn = float churn }
        }
        |> Arb.fromGen

let caseLaws = Laws.plain |> Laws.drawing [ typeof<CaseArbitraries> ] |> Laws.times 300

let ``whatever the path and the churn, a fetch tells the truth, or says that it is not all`` =
    lawBy caseLaws (fun (case: Case) ->
        let run =
            SipBench.fetch
                case.Seed
                (SipLink.bad case.Loss)
                SipOptions.standard
                // Few enough for a datagram, including those that ring.
                (SipBench.table case.Seed 15 (case.Churn / 2.0) case.Ringing)
                { SipBench.gateway case.Way with Timeout = seconds 8.0 }
                SipMemory.none

        let snapshot = last run
        checkTrue run snapshot
        // Half a minute of repeats in both directions: only a streak of bad luck can fail.
        if case.Loss < 0.2 then
            Check.equal (Complete [ WholeDocument ]) snapshot.Completeness)

let ``a stream that breaks anywhere tells the truth, or says that it is not all`` =
    lawBy caseLaws (fun (case: Case) ->
        let link = { SipLink.lan with BreaksAfter = ValueSome(int (case.Seed % 30000UL)) }

        let run =
            SipBench.fetch
                case.Seed
                link
                SipOptions.standard
                (SipBench.table case.Seed 30 case.Churn case.Ringing)
                (SipBench.gateway OverTcp)
                SipMemory.none

        let snapshot = last run
        checkTrue run snapshot

        if not (Snapshot.isComplete snapshot) then
            snapshot.Observations |> Check.isEmpty)

// Digest.

let private login password : SipGateway -> SipGateway =
    fun gateway -> { gateway with Login = ValueSome(struct ("alice", Secret.ofText password)) }

let private locked: SipOptions =
    { SipOptions.standard with Login = ValueSome(struct ("alice", "secret"B)) }

let private fetchAs change options =
    SipBench.fetch 5UL SipLink.lan options (small ()) (change (SipBench.gateway OverUdp)) SipMemory.none

let ``the right password opens, whatever the algorithm`` =
    example (fun () ->
        for algorithms in
            [ [ DigestAlgorithm.Md5 ]
              [ DigestAlgorithm.Sha256 ]
              [ DigestAlgorithm.Sha256; DigestAlgorithm.Md5 ] ] do
            let run = fetchAs (login "secret") { locked with Algorithms = algorithms }
            Check.equal (Complete [ WholeDocument ]) (last run).Completeness
            (last run).Requests |> Check.equal 2)

let ``a wrong password, and none, are refusals with words`` =
    example (fun () ->
        let refused change options (expected: string) =
            let snapshot = last (fetchAs change options)
            Check.equal [ "refused" ] (kinds snapshot)
            Completeness.isSilent snapshot.Completeness |> Check.isTrue
            words snapshot |> Check.says expected
            snapshot.Requests |> Check.below 8

        refused
            (login "wrong")
            locked
            "401 Unauthorized: wrong user or password? (user alice, realm gateway.example.net)"

        refused id locked "401 Unauthorized: it asks for a password (realm gateway.example.net)"

        refused
            (login "secret")
            { locked with Vices = { SipVices.none with RefusesPasswords = true } }
            "wrong user"

        refused (login "secret") { locked with Vices = { SipVices.none with StaleNonces = true } } "too old"
        refused (login "secret") { locked with Algorithms = [] } "without a challenge")

let ``a nonce that is too old is taken anew once`` =
    example (fun () ->
        // The path takes longer than the first nonce lives; the second nonce is fresh.
        let options = { locked with NonceLife = TimeSpan.FromMilliseconds 1.5 }
        let run = fetchAs (login "secret") options
        (last run).Requests |> Check.between 2 6)

// Final responses that refuse.

let ``a final response that refuses says why`` =
    examples
        [ 302, "redirects with 302 Moved Temporarily: ask <sip:other@198.51.100.7> instead"
          403, "403 Forbidden: this user may not watch its dialogs"
          404, "404 Not Found: it knows no such user"
          481, "481 Subscription Does Not Exist: it has no such subscription"
          489, "489 Bad Event: it does not serve the dialog event package"
          503, "503 Service Unavailable"
          603, "603 Decline" ]
        (fun (status: int, expected: string) ->
            for way in [ OverUdp; OverTcp; UdpThenTcp ] do
                let snapshot =
                    last (
                        fetchAt
                            way
                            SipLink.lan
                            (withVices { SipVices.none with Answers = ValueSome status })
                            (small ())
                    )

                Check.equal [ "refused" ] (kinds snapshot)
                words snapshot |> Check.says expected)

// Silence and size.

let ``a silent gateway is silent, in the time that was allowed`` =
    example (fun () ->
        for way in [ OverUdp; OverTcp; UdpThenTcp ] do
            let run = fetchAt way SipLink.lan (withVices { SipVices.none with Silent = true }) (small ())
            Check.equal [ "silent" ] (kinds (last run))
            run.Until - SipBench.start |> Check.atMost (seconds 4.1)

        let run = fetchAt OverTcp { SipLink.lan with StreamDelay = ValueNone } SipOptions.standard (small ())
        Check.equal [ "silent" ] (kinds (last run))
        words (last run) |> Check.says "connection refused")

/// Fetches in turn, each with the memory that the one before left.
let private inTurn
    (link: SipLink)
    (gateway: SipGateway)
    (known: Connection[])
    (turns: struct (SipOptions * Table) list)
    =
    let turn (memory: SipMemory) (struct (options, table)) =
        let reached = ref ValueNone

        let advance event was =
            let next, commands = SipAudit.advance event was
            reached.Value <- ValueSome next
            next, commands

        let start given = SipAudit.start gateway memory { given with Known = known }
        let run = SipBench.fetchWith 5UL link options table start advance
        run, SipAudit.memory reached.Value.Value

    List.mapFold turn SipMemory.none turns |> fst

let ``a notification that fits no datagram comes over TCP, and is asked for there the next time`` =
    example (fun () ->
        let turn = struct (SipOptions.standard, SipBench.table 3UL 200 0.0 false)
        let runs = inTurn SipLink.lan (SipBench.gateway UdpThenTcp) [||] [ turn; turn ]

        for run in runs do
            Check.equal (Complete [ WholeDocument ]) (last run).Completeness
            (last run).Observations.Length |> Check.equal 200

        let times = runs |> List.map (fun run -> run.Until - SipBench.start)
        times[0] |> Check.between (seconds 1.0) (seconds 2.0)
        times[1] |> Check.below (seconds 0.5))

// Gateways that answer no fetch with their state.

let private expiresOf (run: SipRun) : string list =
    run.Sent
    |> List.choose (fun octets ->
        match SipCodec.decode octets with
        | Ok({ Start = SipStart.Request("SUBSCRIBE", _) } as message) ->
            Sip.tryHeader "Expires" message |> ValueOption.toOption
        | _ -> None)

let ``a gateway that answers no fetch is asked for a short subscription, which is ended, and the next time at once`` =
    example (fun () ->
        for fetch, first, second in
            [ SipFetch.NoResource, [ "0"; "60"; "0" ], [ "60"; "0" ]
              SipFetch.BadRequest, [ "0"; "60"; "0" ], [ "60"; "0" ]
              SipFetch.TooBrief 90, [ "0"; "90"; "0" ], [ "90"; "0" ] ] do
            for way in [ OverUdp; OverTcp; UdpThenTcp ] do
                let turn =
                    struct (withVices { SipVices.none with Fetch = fetch }, SipBench.table 3UL 20 0.0 false)

                let runs = inTurn SipLink.lan (SipBench.gateway way) [||] [ turn; turn ]

                for run, expected in List.zip runs [ first; second ] do
                    let snapshot = last run
                    Check.equal (Complete [ WholeDocument ]) snapshot.Completeness
                    snapshot.Observations.Length |> Check.equal 20
                    Check.equal expected (expiresOf run)
                    // A document that might only be an update must omit a dialog twice before it ends.
                    Check.equal 2 snapshot.Traits.AbsencesToClose
                    run.Until - SipBench.start |> Check.below (seconds 1.5))

let ``whatever the path and the churn, FreeSWITCH's answers tell the truth, or say that they are not all`` =
    lawBy (caseLaws |> Laws.times 100) (fun (case: Case) ->
        let run =
            SipBench.fetch
                case.Seed
                (SipLink.bad case.Loss)
                (withVices SipVices.freeSwitch)
                (SipBench.table case.Seed 15 (case.Churn / 2.0) case.Ringing)
                { SipBench.gateway case.Way with Timeout = seconds 8.0 }
                SipMemory.none

        let snapshot = last run
        checkTrue run snapshot

        if case.Loss < 0.1 then
            Check.equal (Complete [ WholeDocument ]) snapshot.Completeness)

let ``a fetch without a body is believed once a subscription has told the same`` =
    example (fun () ->
        let empty = SipBench.table 1UL 0 0.0 false
        let turn = struct (withVices { SipVices.none with Empty = true }, empty)
        let runs = inTurn SipLink.lan (SipBench.gateway OverUdp) [||] [ turn; turn ]
        Check.equal [ [ "0"; "60"; "0" ]; [ "0" ] ] (runs |> List.map expiresOf)

        for run in runs do
            Check.equal (Complete [ WholeDocument ]) (last run).Completeness)

// SUBSCRIBEs that fork.

let private forks (late: float) : SipOptions =
    withVices { SipVices.none with Forks = 2; LateForks = seconds late }

let ``a notifier that answered before is waited for, and missing it is partial`` =
    example (fun () ->
        let table = SipBench.table 3UL 20 0.0 false
        let turns = [ struct (forks 0.4, table); struct (forks 3.0, table); struct (forks 30.0, table) ]
        let snapshots = inTurn SipLink.lan (SipBench.gateway OverUdp) [||] turns |> List.map last
        Check.equal [ []; []; [ "cut-short" ] ] (snapshots |> List.map kinds)
        Check.equal [ 20; 20; 10 ] (snapshots |> List.map _.Observations.Length)
        words snapshots[2] |> Check.says "1 of 2 notifiers")

let ``a server that begins anew waits for a notifier that may have told what its record holds`` =
    example (fun () ->
        let table = SipBench.table 3UL 20 0.0 false

        let known (snapshot: Snapshot) : Connection[] =
            let struct (ledger, _) = Reconcile.apply snapshot (GatewayLedger.empty (GatewayId.create "gw"))
            ledger.Connections

        let first = inTurn SipLink.lan (SipBench.gateway OverUdp) [||] [ struct (forks 0.0, table) ]
        let known = known (last first.Head)

        // Later than a first fetch waits for a notifier that nobody misses.
        let later =
            inTurn SipLink.lan (SipBench.gateway OverUdp) known [ struct (forks 0.8, table) ] |> List.head

        Check.equal (Complete [ WholeDocument ]) (last later).Completeness
        (last later).Observations.Length |> Check.equal 20)

// Dialogs with the same id.

let ``a branch of a fork that ended takes nothing from the one that goes on`` =
    example (fun () ->
        for way in [ OverUdp; OverTcp ] do
            let run =
                fetchAt way SipLink.lan (withVices { SipVices.none with ForkedDialogs = true }) (small ())

            Check.equal (Complete [ WholeDocument ]) (last run).Completeness
            (last run).Observations.Length |> Check.equal 20
            checkTrue run (last run))

/// The dialog with this id that the party with this tag has.
let dialogOf id tag state : Dialog =
    { Id = id
      CallId = "c"
      LocalTag = "l"
      RemoteTag = tag
      Direction = ValueNone
      State = state
      Event = ""
      Duration = ValueNone
      Local = None
      Remote = None }

let private branch id tag state : DialogReport =
    { Dialog = dialogOf id tag state; Within = Interval.create SipBench.start SipBench.start }

let private see isKnown names reports =
    SipObserving.see (Interval.create SipBench.start SipBench.start) isKnown names reports

let private ids (seen: SipObserving.Seen) =
    seen.Observations |> Array.map (fun o -> string o.Id) |> List.ofArray

let private nobody (_: ConnectionId) = false

let ``a call is outgoing where the server began its dialog`` =
    examples
        [ ValueSome DialogDirection.Initiator, ValueSome Outgoing
          ValueSome DialogDirection.Recipient, ValueSome Incoming
          ValueNone, ValueNone ]
        (fun (told, direction) ->
            let report = branch "d" "r" DialogState.Confirmed
            let report = { report with Dialog = { report.Dialog with Direction = told } }
            let seen = see nobody Map.empty [| report |]
            seen.Observations[0].Facts.Direction |> Check.equal direction)

let ``of two dialogs of one id the second is called by its tags, and keeps that name`` =
    example (fun () ->
        let r1, r2 = branch "d" "r1" DialogState.Confirmed, branch "d" "r2" DialogState.Confirmed
        let first = see nobody Map.empty [| r1 |]
        let both = see nobody first.Names [| r2; r1 |]
        let alone = see nobody both.Names [| r2 |]
        Check.equal [ [ "d" ]; [ "d"; "d;l;r2" ]; [ "d;l;r2" ] ] [ ids first; ids both; ids alone ]
        // A restarted server knows the dialog from its record.
        let record id = string id = "d;l;r2"
        Check.equal [ "d;l;r2" ] (ids (see record Map.empty [| r2 |]))
        // The branch that is reported ended is named, and no other.
        let over = see nobody both.Names [| r1; branch "d" "r2" DialogState.Terminated |]
        Check.equal ([ "d" ], [| "d;l;r2" |]) (ids over, over.Over |> Array.map string))

let ``a branch that ended takes the name from none that goes on`` =
    example (fun () ->
        // Named before it was known which branch it is.
        let first = see nobody Map.empty [| branch "d" "" DialogState.Early |]

        let later =
            see
                nobody
                first.Names
                [| branch "d" "r1" DialogState.Terminated; branch "d" "r2" DialogState.Confirmed |]

        Check.equal ([ "d" ], [||]) (ids later, later.Over))

let ``of two dialogs of one id that leave no room for their tags one is lost, and the list says so`` =
    example (fun () ->
        let long = String('d', 1020)
        let branches = [| for tag in [ "r1"; "r2" ] -> branch long tag DialogState.Confirmed |]
        let seen = see nobody Map.empty branches
        Check.equal [ long ] (ids seen)

        match seen.Shortfalls with
        | [ Unreadable words ] -> words |> Check.says "several dialogs are called"
        | other -> failtest $"%A{other}")

let ``the id of a dialog without a Call-ID may be that of a line, which has one call after the other`` =
    example (fun () ->
        let named = branch "101" "r1" DialogState.Confirmed
        let line = { named with Dialog = { named.Dialog with Id = "102"; CallId = "" } }

        for reports, reuses in [ [| named |], false; [| named; line |], true; [| line |], true ] do
            let seen = see nobody Map.empty reports
            Check.equal reuses seen.ReusesIds
            Check.equal reuses (SipObserving.traits SipMemory.none seen).ReusesIds)

let ``whatever branches one id has, each keeps its name while it goes on, and no two have the same`` =
    lawBy caseLaws (fun (tags: byte[]) ->
        let states = [| DialogState.Early; DialogState.Confirmed; DialogState.Terminated |]

        let take (names: DialogNames, called: Map<string, string>) (document: byte[]) =
            let reports =
                document
                |> Array.map (fun drawn ->
                    branch "d" $"r{drawn % 4uy}" states[int (drawn / 4uy) % states.Length])

            let seen = see nobody names reports

            let going =
                DialogIdentity.distinct reports
                |> Array.filter (fun report -> report.Dialog.State <> DialogState.Terminated)

            seen.Observations.Length |> Check.equal going.Length
            ids seen |> Check.isUnique

            let now =
                Map.ofList
                    [ for struct (dialog, id) in seen.Names.TryFind "d" |> Option.defaultValue [] do
                          dialog.RemoteTag, string id ]

            for KeyValue(tag, name) in now do
                called.TryFind tag |> Option.defaultValue name |> Check.equal name

            seen.Names, now

        Array.chunkBySize 3 tags |> Array.fold take (Map.empty, Map.empty) |> ignore)

let ``names with ampersands and letters of a declared charset are read`` =
    example (fun () ->
        let run = fetchAt OverUdp SipLink.lan (withVices { SipVices.none with OddNames = true }) (small ())
        Check.equal (Complete [ WholeDocument ]) (last run).Completeness
        (last run).Observations.Length |> Check.equal 20)

let ``of a notification that was turned away it is said why`` =
    example (fun () ->
        for vices, expected in
            [ { SipVices.none with WrongTags = true }, "a notification to another tag than the SUBSCRIBE's"
              { SipVices.none with WrongEvent = true }, "a notification of the event presence" ] do
            let snapshot = last (fetchAt OverUdp SipLink.lan (withVices vices) (small ()))
            words snapshot |> Check.all [ Check.says expected; Check.saysNot "64 kB" ])

let ``a challenge that only wants auth-int says so`` =
    example (fun () ->
        let header value = Sip.header "WWW-Authenticate" value

        for challenge, expected in
            [ "Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"",
              "it asks for qop=auth-int, and only auth is answered"
              "Digest realm=\"a\", nonce=\"b\", algorithm=SHA-512-256",
              "it asks for none of Digest with MD5 or SHA-256" ] do
            Check.equal expected (SipDigest.whyNone [| header challenge |]))

let ``a notification that never comes is partial, and says what may help`` =
    example (fun () ->
        let table = SipBench.table 3UL 200 0.0 false
        let none = { SipLink.lan with StreamDelay = ValueNone }

        for way, link, expected in
            [ OverUdp, SipLink.lan, "it fits no datagram: TCP takes it"
              UdpThenTcp, none, "connection refused" ] do
            let snapshot = last (fetchAt way link SipOptions.standard table)
            kinds snapshot |> Check.all [ Check.contains "cut-short"; Check.lacks "silent" ]
            words snapshot |> Check.says expected
            Completeness.isSilent snapshot.Completeness |> Check.isFalse

        let mute = withVices { SipVices.none with NoNotify = true }
        Check.equal [ "cut-short" ] (kinds (last (fetchAt OverTcp SipLink.lan mute table))))

// Vices.

let ``notifications before the 2xx, from several notifiers, and twice are put together`` =
    example (fun () ->
        for vices in
            [ { SipVices.none with NotifyFirst = true }
              { SipVices.none with Forks = 3 }
              { SipVices.none with Forks = 3; NotifyFirst = true }
              { SipVices.none with Doubles = true }
              { SipVices.none with ListsTerminated = true }
              { SipVices.none with DeclaresUtf16 = true }
              { SipVices.none with LoopsVersions = true }
              { SipVices.none with Delay = TimeSpan.FromMilliseconds 700.0 } ] do
            for way in [ OverUdp; OverTcp ] do
                let run = fetchAt way SipLink.lan (withVices vices) (SipBench.table 3UL 20 2.0 false)
                let snapshot = last run
                Snapshot.isComplete snapshot |> Check.because $"{vices}: {words snapshot}" Check.isTrue
                checkTrue run snapshot)

let ``a notifier that takes no word besides the package is asked without it`` =
    example (fun () ->
        for way in [ OverUdp; OverTcp; UdpThenTcp ] do
            let run = fetchAt way SipLink.lan (withVices { SipVices.none with PlainOnly = true }) (small ())
            let snapshot = last run
            Snapshot.isComplete snapshot |> Check.because (words snapshot) Check.isTrue
            snapshot.Requests |> Check.equal 2
            snapshot.Observations |> Array.forall (fun o -> o.Facts.Codec.IsNone) |> Check.isTrue)

let ``ended dialogs that are still listed are not there`` =
    example (fun () ->
        let table = SipBench.table 3UL 20 0.0 false
        let struct (table, _) = Table.closeOne 4L SipBench.start table
        let struct (table, _) = Table.closeOne 5L SipBench.start table
        let run = fetchAt OverUdp SipLink.lan (withVices { SipVices.none with ListsTerminated = true }) table
        (last run).Observations.Length |> Check.equal 18)

let ``what cannot be read or believed is partial or silent, never complete`` =
    example (fun () ->
        for vices, expected in
            [ { SipVices.none with Truncates = true }, "unreadable"
              { SipVices.none with Bomb = true }, "unreadable"
              { SipVices.none with Foreign = true }, "unreadable"
              { SipVices.none with SaysPartial = true }, "cut-short"
              { SipVices.none with WrongTags = true }, "cut-short"
              { SipVices.none with WrongEvent = true }, "cut-short" ] do
            for way in [ OverUdp; OverTcp ] do
                let snapshot = last (fetchAt way SipLink.lan (withVices vices) (small ()))
                Check.equal [ expected ] (kinds snapshot)

        // Everything that a partial document lists does exist, though.
        let partial =
            last (
                fetchAt OverUdp SipLink.lan (withVices { SipVices.none with SaysPartial = true }) (small ())
            )

        partial.Observations.Length |> Check.equal 20)

let ``a body beyond belief is not waited for`` =
    example (fun () ->
        let huge = withVices { SipVices.none with Huge = ValueSome 500_000_000L }
        let run = fetchAt OverTcp SipLink.lan huge (small ())
        Check.equal [ "too-large" ] (kinds (last run))
        run.Until - SipBench.start |> Check.below (seconds 1.0)

        Check.equal
            [ "silent" ]
            (kinds (
                last (
                    fetchAt OverTcp SipLink.lan (withVices { SipVices.none with HangsUp = true }) (small ())
                )
            )))

let ``wrong tags are answered 481, another package 489`` =
    example (fun () ->
        for vices, status in
            [ { SipVices.none with WrongTags = true }, 481; { SipVices.none with WrongEvent = true }, 489 ] do
            let run = fetchAt OverUdp SipLink.lan (withVices vices) (small ())

            match SipCodec.decode (List.last run.Sent) with
            | Ok { Start = SipStart.Response(answered, _) } -> Check.equal status answered
            | other -> failtest $"%A{other}")

let ``dialogs without ids are named by call and tags, and without durations have no setup`` =
    example (fun () ->
        let vices = { SipVices.none with NoIds = true; NoDuration = true }
        let snapshot = last (fetchAt OverUdp SipLink.lan (withVices vices) (small ()))
        Check.equal (Complete [ WholeDocument ]) snapshot.Completeness
        snapshot.Observations.Length |> Check.equal 20

        for o in snapshot.Observations do
            string o.Id |> Check.matches "^[0-9a-f]{16}@gw-[0-9]\\.example\\.net;l[0-9]+;r[0-9]+$"
            Check.equal ValueNone o.Setup
            Check.equal Bounded o.Start.Value.Evidence
            Check.equal Instant.distantPast o.Start.Value.Within.Earliest
            (o.Start.Value.Within.Latest <= o.Heard.Latest) |> Check.isTrue)

let ``a stopped fetch says so, once`` =
    example (fun () ->
        let start = SipAudit.start (SipBench.gateway OverUdp) SipMemory.none

        let state, _ = start SipBench.given
        let state, commands = SipAudit.advance (Stopped(Moment.at (SipBench.start + seconds 1.0))) state

        match commands with
        | [ Finished snapshot ] -> Check.equal [ "silent"; "cancelled" ] (kinds snapshot)
        | other -> failtest $"%A{other}"

        Check.equal [] (snd (SipAudit.advance (Woke(Moment.at (SipBench.start + seconds 9.0))) state)))

let ``a notification that comes again is answered again, and tells nothing new`` =
    example (fun () ->
        let sent commands =
            commands
            |> List.choose (fun command ->
                match command with
                | Send octets -> Some octets
                | Connect
                | Write _
                | WakeAt _
                | Told _
                | Finished _ -> None)

        let state, commands = SipAudit.start (SipBench.gateway OverUdp) SipMemory.none SipBench.given

        let struct (_, answers) =
            (SipResponder.create SipOptions.standard).Advance
                SipBench.start
                (small ())
                (Datagram("198.51.100.4:5066", List.exactlyOne (sent commands)))

        let notify =
            answers
            |> List.pick (fun answer ->
                match answer with
                | SendTo(_, _, octets) when Encoding.ASCII.GetString(octets, 0, 6) = "NOTIFY" -> Some octets
                | SendTo _
                | WriteTo _
                | HangUp _
                | TickAt _
                | EndConnection _ -> None)

        let at = Moment.at (SipBench.start + seconds 0.01)
        let state, first = SipAudit.advance (Received(at, notify)) state
        let state, again = SipAudit.advance (Received(at, notify)) state
        Check.equal (sent first) (sent again)
        Check.equal 1 (sent again).Length

        match SipAudit.advance (Woke(Moment.at (SipBench.start + seconds 1.0))) state |> snd with
        | [ Finished snapshot ] -> snapshot.Observations.Length |> Check.equal 20
        | other -> failtest $"%A{other}")

let ``a datagram for another exchange on the same socket is left to it`` =
    example (fun () ->
        let state, _ = SipAudit.start (SipBench.gateway OverUdp) SipMemory.none SipBench.given

        let foreign =
            Encoding.ASCII.GetBytes(
                "NOTIFY sip:callserver@198.51.100.4:5066 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
                + "From: <sip:a>;tag=1\r\nTo: <sip:b>;tag=2\r\nCall-ID: other\r\nCSeq: 1 NOTIFY\r\nEvent: dialog\r\n\r\n"
            )

        for octets in [ foreign; "noise"B; [||] ] do
            let next, commands = SipAudit.advance (Received(Moment.at SipBench.start, octets)) state
            Check.equal 1 (SipAudit.strays next)

            for command in commands do
                match command with
                | WakeAt _ -> ()
                | other -> failtest $"%A{other}")
