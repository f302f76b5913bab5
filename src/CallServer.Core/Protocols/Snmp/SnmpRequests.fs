namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What one request asks. How many rows a GetBulk asks for is decided when it is sent.
[<RequireQualifiedAccess>]
type internal Query =
    | Get of names: Oid[]
    | GetNext of names: Oid[]
    /// As many scalars, the first of the names, and `most` rows at most of the other names: by GetBulk, or where `isSingle` one row
    /// by GetNext.
    | Rows of scalars: int * names: Oid[] * isSingle: bool * most: int
    /// Instances after a name: by GetBulk up to `most`, if the agent is known to answer that, else one by GetNext.
    | Instances of after: Oid * most: int

/// What is asked, and what the answer is for.
type internal SnmpRequest<'Purpose> = { Query: Query; Purpose: 'Purpose }

/// One datagram that may still be answered.
type internal Datagram =
    {
        Id: int
        Sent: Instant
        /// Rows that a GetBulk asks for; 0 where it is none.
        Repetitions: int
    }

/// A request until its answer, with every datagram that may still bring it.
type internal InFlight<'Purpose> =
    {
        Number: int
        Request: SnmpRequest<'Purpose>
        /// Newest first.
        Datagrams: Datagram list
        TimeOuts: int
        Deadline: Instant
    }

/// The answer to a request.
type internal Answer<'Purpose> =
    {
        Purpose: 'Purpose
        /// When the datagram was sent that it answers.
        Sent: Instant
        /// Rows that this datagram asked for by GetBulk; 0 where it is none.
        Repetitions: int
        /// Some datagram of this request was a GetBulk.
        WasBulk: bool
        Pdu: Pdu
    }

/// What a datagram from the agent means for the audit.
[<RequireQualifiedAccess>]
type internal Heard<'Purpose> =
    | Answer of Answer<'Purpose>
    /// It answers this request, and only its id can be read.
    | Illegible of request: InFlight<'Purpose> * datagram: Datagram * why: string
    /// The agent refuses whoever asks, or is another one than before.
    | Refused of Shortfall
    /// Nothing new: it matched no request, or the request was made again at once.
    | Nothing

/// Requests to one agent: those that wait, those in flight, and what came of those before.
type internal SnmpRequests<'Purpose> =
    {
        Target: SnmpTarget
        Rng: Rng
        /// Nothing for version 2c.
        Session: V3Session voption
        Pace: WalkPace
        Queue: SnmpRequest<'Purpose> list
        InFlight: Map<int, InFlight<'Purpose>>
        NextNumber: int
        Began: Instant
        /// Datagrams sent so far.
        Sent: int
        /// When the last message that was ours came.
        LastReply: Instant voption
        /// A request proper was answered: for version 3, one of a user that the agent knows.
        Answered: bool
        /// An engine has named itself.
        HasMetEngine: bool
        /// Datagrams that matched no request, and why the last one did not.
        Strays: int
        LastStray: string
        /// Datagrams of the present event, newest first.
        Outbox: byte[] list
    }

/// Sends requests, repeats them, and matches answers to them.
module internal SnmpRequests =
    /// An audit makes no more requests than this, whatever the agent says.
    [<Literal>]
    let MaxRequests = 50_000

    /// Repeats at once, because the agent told what was missing: its engine, its clock.
    [<Literal>]
    let private MaxCorrections = 4

    let create
        (now: Instant)
        (target: SnmpTarget)
        (session: V3Session voption)
        (pace: WalkPace)
        (rng: Rng)
        : SnmpRequests<'P> =
        { Target = target
          Rng = rng
          Session = session
          Pace = pace
          Queue = []
          InFlight = Map.empty
          NextNumber = 0
          Began = now
          Sent = 0
          LastReply = ValueNone
          Answered = false
          HasMetEngine = false
          Strays = 0
          LastStray = ""
          Outbox = [] }

    /// Puts requests before those that wait.
    let enqueue (more: SnmpRequest<'P> list) (requests: SnmpRequests<'P>) : SnmpRequests<'P> =
        { requests with Queue = more @ requests.Queue }

    let isExhausted (requests: SnmpRequests<'P>) : bool = requests.Sent >= MaxRequests

    /// A datagram is counted and dropped.
    let stray (reason: string) (requests: SnmpRequests<'P>) : SnmpRequests<'P> =
        { requests with Strays = requests.Strays + 1; LastStray = reason }

    let forget (flight: InFlight<'P>) (requests: SnmpRequests<'P>) : SnmpRequests<'P> =
        { requests with InFlight = Map.remove flight.Number requests.InFlight }

    /// Nothing is asked any more.
    let close (requests: SnmpRequests<'P>) : SnmpRequests<'P> =
        { requests with Queue = []; InFlight = Map.empty }

    /// The request in flight that a datagram belongs to.
    let private find (id: int) (requests: SnmpRequests<'P>) =
        requests.InFlight
        |> Seq.tryPick (fun (KeyValue(_, flight)) ->
            flight.Datagrams
            |> List.tryFind (fun datagram -> datagram.Id = id)
            |> Option.map (fun datagram -> struct (flight, datagram)))

    /// A request id that is in no use: positive, and not to be guessed.
    let private newId (requests: SnmpRequests<'P>) : struct (int * Rng) =
        let mutable rng = requests.Rng
        let mutable id = 0

        while id = 0 || (find id requests).IsSome do
            let struct (bits, next) = Rng.next rng
            rng <- next
            id <- int (bits >>> 33)

        struct (id, rng)

    /// Rows that a GetBulk for this asks for, 0 for GetNext. Fewer at each repeat after the first, because a reply too large is not
    /// sent at all; in the end GetNext, sooner where the agent has not answered a GetBulk yet.
    let private repetitionsOf (query: Query) (timeOuts: int) (pace: WalkPace) : int =
        let isSpeaking = pace.Bulk = Answers

        match query with
        | Query.Rows(_, _, isSingle, _) when isSingle || WalkPace.isSingle pace -> 0
        | Query.Rows _ when timeOuts >= (if isSpeaking then 3 else 2) -> 0
        | Query.Rows(_, _, _, most) -> max 1 (min most pace.Repetitions >>> max 0 (timeOuts - 1))
        | Query.Instances(_, most) -> if isSpeaking then most else 0
        | Query.Get _
        | Query.GetNext _ -> 0

    let private pduOf (id: int) (repetitions: int) (query: Query) : Pdu =
        match query with
        | Query.Get names -> Pdu.get id names
        | Query.Rows(scalars, names, _, _) when repetitions > 0 -> Pdu.getBulk id scalars repetitions names
        | Query.Instances(after, _) when repetitions > 0 -> Pdu.getBulk id 0 repetitions [ after ]
        | Query.Instances(after, _) -> Pdu.getNext id [ after ]
        | Query.Rows(_, names, _, _)
        | Query.GetNext names -> Pdu.getNext id names

    let private encode
        (now: Instant)
        (id: int)
        (pdu: Pdu)
        (requests: SnmpRequests<'P>)
        : struct (byte[] * V3Session voption) =
        match requests.Target.Credentials, requests.Session with
        | Community community, session -> struct (Snmp.encode (V2c(community, pdu)), session)
        | User _, ValueSome session ->
            let struct (octets, session) = V3Session.wrap now id pdu session
            struct (octets, ValueSome session)
        | User _, ValueNone -> invalidOp "a user has a session from the start"

    /// Sends one more datagram of a request. The wait for its answer grows with the time-outs before it, and differs a little from
    /// gateway to gateway.
    let private transmit
        (now: Instant)
        (flight: InFlight<'P>)
        (requests: SnmpRequests<'P>)
        : SnmpRequests<'P> =
        let query = flight.Request.Query
        let repetitions = repetitionsOf query flight.TimeOuts requests.Pace
        let struct (id, rng) = newId requests
        let struct (octets, session) = encode now id (pduOf id repetitions query) requests
        let struct (jitter, rng) = Rng.fraction rng

        let flight =
            { flight with
                Datagrams = { Id = id; Sent = now; Repetitions = repetitions } :: flight.Datagrams
                Deadline = now + RequestWindow.wait requests.Target.Timeout flight.TimeOuts jitter }

        { requests with
            Rng = rng
            Session = session
            Sent = requests.Sent + 1
            InFlight = Map.add flight.Number flight requests.InFlight
            Outbox = octets :: requests.Outbox }

    /// One more request may be in flight. Before the engine is known, only one: the others would be told the same.
    let hasRoom (requests: SnmpRequests<'P>) : bool =
        let slots =
            match requests.Session with
            | ValueSome session when session.Keys.IsNone -> 1
            | ValueSome _
            | ValueNone -> WalkPace.slots requests.Pace

        requests.InFlight.Count < slots && not (isExhausted requests)

    /// Sends what waits, as far as the window allows.
    let rec pump (now: Instant) (requests: SnmpRequests<'P>) : SnmpRequests<'P> =
        match requests.Queue with
        | next :: rest when hasRoom requests ->
            let flight =
                { Number = requests.NextNumber
                  Request = next
                  Datagrams = []
                  TimeOuts = 0
                  Deadline = now }

            { requests with Queue = rest; NextNumber = flight.Number + 1 } |> transmit now flight |> pump now
        | _ -> requests

    /// Gives a request in flight another purpose; it asks the same.
    let repurpose (number: int) (purpose: 'P) (requests: SnmpRequests<'P>) : SnmpRequests<'P> =
        let flight = requests.InFlight[number]
        let flight = { flight with Request = { flight.Request with Purpose = purpose } }
        { requests with InFlight = Map.add number flight requests.InFlight }

    /// Requests that were not answered in time.
    let due (now: Instant) (requests: SnmpRequests<'P>) : InFlight<'P> list =
        [ for flight in requests.InFlight.Values do
              if flight.Deadline.Micros <= now.Micros then
                  flight ]

    /// It is not sent again.
    let isSpent (flight: InFlight<'P>) (requests: SnmpRequests<'P>) : bool =
        flight.TimeOuts + 1 >= max 1 requests.Target.Attempts || isExhausted requests

    /// Sends a request again that was not answered in time.
    let repeat (now: Instant) (flight: InFlight<'P>) (requests: SnmpRequests<'P>) : SnmpRequests<'P> =
        let last = List.head flight.Datagrams
        let pace = WalkPace.lost now requests.Target.Timeout last.Repetitions requests.Pace
        transmit now { flight with TimeOuts = flight.TimeOuts + 1 } { requests with Pace = pace }

    /// The agent has answered something since the request was first sent.
    let hasAnsweredSince (flight: InFlight<'P>) (requests: SnmpRequests<'P>) : bool =
        let first = (List.last flight.Datagrams).Sent
        requests.Answered && requests.LastReply |> ValueOption.exists (fun reply -> reply > first)

    /// When the first request in flight is to be given up or repeated.
    let deadline (requests: SnmpRequests<'P>) : Instant voption =
        if Map.isEmpty requests.InFlight then
            ValueNone
        else
            requests.InFlight
            |> Map.fold (fun least _ flight -> Instant.min least flight.Deadline) Instant.distantFuture
            |> ValueSome

    /// Datagrams to be sent, newest first.
    let drain (requests: SnmpRequests<'P>) : struct (byte[] list * SnmpRequests<'P>) =
        struct (requests.Outbox, { requests with Outbox = [] })

    /// How the agent does not answer.
    let silence (now: Instant) (requests: SnmpRequests<'P>) : Shortfall =
        let asked = Silence.asked requests.Sent "requests" requests.Began now
        let unbelieved = Silence.strays requests.Strays requests.LastStray

        match requests.Target.Credentials, requests.LastReply with
        | Community _, ValueNone ->
            Silent $"{asked}: wrong address, port or community, or the agent is down{unbelieved}"
        | User _, ValueNone -> Silent $"{asked}: wrong address or port, or the agent is down{unbelieved}"
        | User({ Priv = Some _ }, _), ValueSome _ when not requests.Answered ->
            Shortfall.Refused(
                RefusalCause.Encryption,
                "the agent tells its engine id but answers no request of this user: "
                + $"wrong privacy passphrase or protocol?{unbelieved}"
            )
        | _, ValueSome _ when not requests.Answered ->
            Shortfall.Refused(
                RefusalCause.Unsaid,
                $"the agent tells its engine id but answers no request of this user{unbelieved}"
            )
        | _, ValueSome _ -> CutShort $"{asked}, of which some were answered{unbelieved}"

    let private answered
        (now: Instant)
        (flight: InFlight<'P>)
        (datagram: Datagram)
        (pdu: Pdu)
        (requests: SnmpRequests<'P>)
        =
        let took = now - datagram.Sent
        let inFlight = requests.InFlight.Count
        let pace = WalkPace.answered requests.Target.Timeout inFlight took requests.Pace

        let answer =
            { Purpose = flight.Request.Purpose
              Sent = datagram.Sent
              Repetitions = datagram.Repetitions
              WasBulk = flight.Datagrams |> List.exists (fun other -> other.Repetitions > 0)
              Pdu = pdu }

        let heard =
            match pdu.ErrorStatus with
            | ErrorStatus.AuthorizationError
            | ErrorStatus.NoAccess ->
                Credentials.mayNotRead (ErrorStatus.name pdu.ErrorStatus) requests.Target.Credentials
                |> Heard.Refused
            | _ -> Heard.Answer answer

        struct (heard, { forget flight requests with LastReply = ValueSome now; Answered = true; Pace = pace })

    /// The request again, now that the engine or its clock is known; an agent that never has enough is given up.
    let private correct (now: Instant) (flight: InFlight<'P>) (requests: SnmpRequests<'P>) =
        if flight.Datagrams.Length - flight.TimeOuts > MaxCorrections then
            let reason = "the agent changes its engine id or its clock at every request"
            struct (Heard.Refused(Shortfall.Refused(RefusalCause.Unsaid, reason)), requests)
        else
            struct (Heard.Nothing, transmit now flight requests)

    let private receivedV3
        (now: Instant)
        (flight: InFlight<'P>)
        (datagram: Datagram)
        (before: V3Session)
        (octets: byte[])
        (requests: SnmpRequests<'P>)
        =
        let struct (reception, session) = V3Session.receive now octets before
        let requests = { requests with Session = ValueSome session }

        match reception with
        // RFC 3411 section 3.1.1: an engine id names one engine of the administration. What was told so far was another's.
        | Learnt when (requests.Answered || requests.HasMetEngine) && V3Session.isOther before session ->
            let reason = "another SNMP engine answers, under another engine id"
            struct (Heard.Refused(CutShort reason), requests)
        | Reception.Answer pdu -> answered now flight datagram pdu requests
        | Learnt -> correct now flight { requests with LastReply = ValueSome now; HasMetEngine = true }
        | Refusal(cause, reason) ->
            struct (Heard.Refused(Shortfall.Refused(cause, reason)),
                    { requests with LastReply = ValueSome now })
        | Stranger reason -> struct (Heard.Nothing, stray reason requests)

    /// Takes a datagram that came from the agent's address.
    let receive
        (now: Instant)
        (octets: byte[])
        (requests: SnmpRequests<'P>)
        : struct (Heard<'P> * SnmpRequests<'P>) =
        let drop reason = struct (Heard.Nothing, stray reason requests)
        let noRequest = "an answer to no request of this audit"

        match Snmp.peek octets, requests.Session, requests.Target.Credentials with
        | Error error, _, _ -> drop (string error)
        | Ok(MessageId id), ValueSome session, _ ->
            match find id requests with
            | Some(struct (flight, datagram)) -> receivedV3 now flight datagram session octets requests
            | None -> drop noRequest
        | Ok(RequestId id), ValueNone, Community community ->
            match find id requests with
            | None -> drop noRequest
            | Some(struct (flight, datagram)) ->
                match Snmp.decode octets with
                | Ok(V2c(theirs, pdu)) when pdu.Kind = Response && theirs = community ->
                    answered now flight datagram pdu requests
                | Ok(V2c _) -> drop "no response, or of another community"
                | Ok(V3 _) -> drop "of version 3"
                | Error error -> struct (Heard.Illegible(flight, datagram, string error), requests)
        | Ok(RequestId _), _, _ -> drop "of version 2c"
        | Ok(MessageId _), ValueNone, _ -> drop "of version 3"
