namespace CallServer.Protocols.Mgcp

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Wire
open CallServer.Exchange

/// How many commands an MGCP gateway is sent at a time.
module internal MgcpPace =
    [<Literal>]
    let private MaxWindow = 8.0

    let none: Pace = Pace.create 2.0

    let prompt (pace: Pace) : Pace = Pace.avoidCongestion MaxWindow pace

/// A command until its final response. It is repeated as it is, octet by octet, under the same id, so that the gateway carries
/// it out at most once (RFC 3435 §3.5.1).
type internal MgcpPending<'Purpose> =
    {
        Purpose: 'Purpose
        /// As it was written, without its id and K:.
        Command: MgcpCommand
        Octets: byte[]
        /// It acknowledges responses besides, by K:.
        Acknowledges: bool
        /// A response may be as old as the first time that the command was sent: gateways repeat what they answered then.
        First: Instant
        Times: int
        Deadline: Instant
        /// A provisional response came: it is repeated no more but by LONGTRAN.
        Provisional: bool
    }

/// The call agent's side of RFC 3435 §3.5, for one exchange with one gateway.
///
///   event                        command pending                            otherwise
///   final response               done; to be acknowledged with K: in a      a repetition of one that is done and asks for
///                                later command, at once with 000 where      acknowledgement is acknowledged again; else stray
///                                it has an empty K:
///   the same, a refusal of how   written and sent anew, as another          the same
///   the command is written       transaction
///   provisional response         waits LONGTRAN for the final one           stray
///   deadline                     sent again, or spent after the last        -
///                                attempt
///   a command of the gateway's   stray: its notices go to the listener
///
/// Ids begin at random and then only rise, wrapping at 999,999,999, from one audit of a gateway to the next as well: one id comes
/// again after a thousand million commands, which takes longer than the three minutes that RFC 3435 §3.5.1 asks, and the ids of
/// two call agents meet no more often than two short ranges drawn from a thousand million do.
type internal MgcpTransactions<'Purpose> =
    {
        Timeout: TimeSpan
        Attempts: int
        Rng: Rng
        /// The first id of this exchange, and the next one.
        Base: int
        Next: int
        Pending: Map<int, MgcpPending<'Purpose>>
        Dialect: MgcpDialect
        /// Final responses that no command has acknowledged yet, newest first.
        Unacknowledged: int list
        /// Datagrams sent, repeats and acknowledgements included.
        Requests: int
        Strays: int
        LastStray: string
        LastReply: Instant voption
        Pace: Pace
    }

module internal MgcpTransactions =
    /// Waits double up to this (RFC 3435 §3.5.2 suggests it).
    let private longestWait = TimeSpan.FromSeconds 4.0

    /// LONGTRAN: how long after a provisional response its command is asked for again (RFC 3435 §3.5.6).
    let private longTran = TimeSpan.FromSeconds 5.0

    /// Transactions acknowledged in one command.
    [<Literal>]
    let private MaxAcknowledged = 32

    let after (id: int) : int = if id >= Mgcp.MaxTransaction then 1 else id + 1

    /// Next is 0 the first time: then the ids begin anywhere.
    let start
        (timeout: TimeSpan)
        (attempts: int)
        (pace: Pace)
        (next: int)
        (dialect: MgcpDialect)
        (rng: Rng)
        : MgcpTransactions<'P> =
        let struct (drawn, rng) = Rng.below Mgcp.MaxTransaction rng
        let next = if next > 0 then next else 1 + drawn

        { Timeout = timeout
          Attempts = attempts
          Rng = rng
          Base = next
          Next = next
          Pending = Map.empty
          Dialect = dialect
          Unacknowledged = []
          Requests = 0
          Strays = 0
          LastStray = ""
          LastReply = ValueNone
          Pace = pace }

    let private stray (reason: string) (tx: MgcpTransactions<'P>) =
        { tx with Strays = tx.Strays + 1; LastStray = reason }

    /// Was this id given to a command of this exchange?
    let private isOurs (id: int) (tx: MgcpTransactions<'P>) : bool =
        if tx.Base <= tx.Next then
            id >= tx.Base && id < tx.Next
        else
            id >= tx.Base || id < tx.Next

    /// The wait for the answer to the command's n-th sending: twice as long each time, and never the same for two gateways.
    let private wait (times: int) (tx: MgcpTransactions<'P>) : struct (TimeSpan * MgcpTransactions<'P>) =
        let longest = max tx.Timeout longestWait
        let plain = min longest (tx.Timeout * Math.Pow(2.0, float (min 20 (times - 1))))
        let struct (jitter, rng) = Rng.fraction tx.Rng
        struct (plain * (1.0 + 0.1 * jitter), { tx with Rng = rng })

    /// Acknowledgements go with audits alone: osmo-mgw refuses an MDCX that has them (539).
    let private isAudit (command: MgcpCommand) : bool =
        command.Verb = MgcpVerb.AuditEndpoint || command.Verb = MgcpVerb.AuditConnection

    /// Sends a command; its transaction id and version are filled in, and the acknowledgement of what came before.
    let send
        (now: Instant)
        (purpose: 'P)
        (command: MgcpCommand)
        (tx: MgcpTransactions<'P>)
        : struct (byte[] * MgcpTransactions<'P>) =
        let id = tx.Next
        let command = { command with Version = tx.Dialect.Version }

        let acknowledged =
            if tx.Dialect.TakesAcknowledgements && isAudit command then
                List.truncate MaxAcknowledged tx.Unacknowledged
            else
                []

        let parameters =
            if acknowledged.IsEmpty then
                command.Parameters
            else
                Array.append
                    command.Parameters
                    [| MgcpParameter.create "K" (MgcpLists.acknowledge acknowledged) |]

        let octets =
            Mgcp.encode (MgcpMessage.Command { command with Transaction = id; Parameters = parameters })

        let struct (wait, tx) = wait 1 tx

        let pending =
            { Purpose = purpose
              Command = command
              Octets = octets
              Acknowledges = not acknowledged.IsEmpty
              First = now
              Times = 1
              Deadline = now + wait
              Provisional = false }

        struct (octets,
                { tx with
                    Next = after id
                    Pending = Map.add id pending tx.Pending
                    Unacknowledged =
                        (if acknowledged.IsEmpty then
                             List.truncate MaxAcknowledged tx.Unacknowledged
                         else
                             List.skip acknowledged.Length tx.Unacknowledged)
                    Requests = tx.Requests + 1 })

    /// What one datagram brought: final responses with the commands that they answer, and what to send back.
    [<NoComparison; NoEquality>]
    type Arrival<'P> =
        {
            Finals: struct (MgcpResponse * MgcpPending<'P>) list
            /// The datagram ends where a line ends; what was cut off on the way mostly does not.
            IsWhole: bool
            Replies: byte[] list
        }

    /// An empty K: in a response asks for 000 at once (RFC 3435 §3.5.6).
    let private wantsAcknowledgement (response: MgcpResponse) : bool =
        MgcpParameter.tryFind "K" response.Parameters = ValueSome ""

    let private acknowledgement (id: int) : byte[] =
        Mgcp.encode (MgcpMessage.Response(Mgcp.response 0 id "" []))

    /// A final response: what it answers is done, or is written in another way and sent anew.
    let private answered now (response: MgcpResponse) wants pending (arrival: Arrival<'P>) tx =
        let id = response.Transaction
        let prompt = pending.Times = 1 && now - pending.First <= tx.Timeout * 0.5
        let replies = if wants then acknowledgement id :: arrival.Replies else arrival.Replies

        let tx =
            { tx with
                Pending = Map.remove id tx.Pending
                Unacknowledged = (if wants then tx.Unacknowledged else id :: tx.Unacknowledged)
                Requests = (if wants then tx.Requests + 1 else tx.Requests)
                LastReply = ValueSome now
                Pace = (if prompt then MgcpPace.prompt tx.Pace else tx.Pace) }

        match MgcpDialect.refusedBy response pending.Command pending.Acknowledges tx.Dialect with
        | ValueSome dialect ->
            let struct (octets, tx) = send now pending.Purpose pending.Command { tx with Dialect = dialect }

            struct ({ arrival with Replies = octets :: replies }, tx)
        | ValueNone ->
            struct ({ arrival with Finals = struct (response, pending) :: arrival.Finals; Replies = replies },
                    { tx with Dialect = MgcpDialect.heard response tx.Dialect })

    let private took
        (now: Instant)
        (struct (arrival: Arrival<'P>, tx: MgcpTransactions<'P>))
        (message: Result<MgcpMessage, MgcpError>)
        =
        match message with
        | Error error -> struct (arrival, stray (string error) tx)
        | Ok(MgcpMessage.Command command) ->
            struct (arrival, stray $"a command of the gateway's, {command.Verb}" tx)
        | Ok(MgcpMessage.Response response) ->
            let id = response.Transaction
            let wants = wantsAcknowledgement response

            match Map.tryFind id tx.Pending, ReturnCode.classify response.Code with
            | _, Acknowledgement -> struct (arrival, stray "an acknowledgement of nothing" tx)
            | Some pending, Provisional ->
                let pending = { pending with Deadline = now + longTran; Provisional = true }

                struct (arrival,
                        { tx with Pending = Map.add id pending tx.Pending; LastReply = ValueSome now })
            | Some pending, (Success | TransientError | PermanentError | PackageCode | UnknownClass) ->
                answered now response wants pending arrival tx
            | None, (Success | TransientError | PermanentError | PackageCode | UnknownClass) when
                wants && isOurs id tx
                ->
                struct ({ arrival with Replies = acknowledgement id :: arrival.Replies },
                        stray "a repeated response" { tx with Requests = tx.Requests + 1 })
            | None, (Provisional | Success | TransientError | PermanentError | PackageCode | UnknownClass) ->
                struct (arrival, stray "a response to nothing that was asked" tx)

    let receive (now: Instant) (octets: byte[]) (tx: MgcpTransactions<'P>) =
        let isWhole = Mgcp.endsLine octets
        let none: Arrival<'P> = { Finals = []; IsWhole = isWhole; Replies = [] }
        let struct (arrival, tx) = Mgcp.decode octets |> Array.fold (took now) (struct (none, tx))

        struct ({ arrival with Finals = List.rev arrival.Finals; Replies = List.rev arrival.Replies }, tx)

    /// What has to be sent again by now, and the commands that are spent: sent often enough, and never answered.
    let due (now: Instant) (tx: MgcpTransactions<'P>) =
        let late =
            [ for KeyValue(id, pending) in tx.Pending do
                  if pending.Deadline <= now then
                      id, pending ]

        ((struct ([], [], tx)), late)
        ||> List.fold (fun (struct (repeats, spent, tx)) (id, pending) ->
            let tx = { tx with Pace = Pace.lost now tx.Timeout tx.Pace }

            if pending.Times >= tx.Attempts then
                struct (repeats, pending :: spent, { tx with Pending = Map.remove id tx.Pending })
            else
                let times = pending.Times + 1
                let struct (wait, tx) = wait times tx
                let wait = if pending.Provisional then longTran else wait
                let again = { pending with Times = times; Deadline = now + wait }

                struct (pending.Octets :: repeats,
                        spent,
                        { tx with Pending = Map.add id again tx.Pending; Requests = tx.Requests + 1 }))

    /// When something is due next.
    let deadline (tx: MgcpTransactions<'P>) : Instant voption =
        if Map.isEmpty tx.Pending then
            ValueNone
        else
            tx.Pending
            |> Map.fold (fun least _ pending -> Instant.min least pending.Deadline) Instant.distantFuture
            |> ValueSome
