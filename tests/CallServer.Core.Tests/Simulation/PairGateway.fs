namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// What truly became of one connection.
[<ReferenceEquality>]
type TrueConnection =
    {
        Gateway: string
        Serial: int
        Id: ConnectionId
        /// Its place in the order of ids.
        Key: string
        Stamp: string voption
        Facts: Facts
        Start: Instant
        mutable End: Instant voption
    }

/// What a gateway reports of its connections' times.
type PairKind =
    /// Ids are made from its up-time, and stamps say when each connection began: Cisco.
    | Stamped
    /// How long each has been active: FreeSWITCH, rtpengine.
    | Timed
    /// Nothing: MGCP.
    | Untimed
    /// Nothing, and a complete audit may miss a row: Asterisk.
    | ShiftingRows

/// How often a pair's gateway opens connections, and how long they last.
type Churn =
    {
        /// Connections opened each second.
        Opened: float
        /// The mean length of a connection.
        MeanLength: TimeSpan
        AtFirst: int
    }

/// The result of an audit, given when the server reads the replies (in true time), and whether they are lost.
type Heard = Instant -> bool -> Snapshot

/// A gateway as it truly is, and what two servers hear of it through windows. Its truth follows from its own seed,
/// however it is asked. A server's timeline is true time shifted by its anchor.
type PairGateway(clock: Clockwork, name: string, kind: PairKind, churn: Churn, seed: uint64) =
    let id = GatewayId.create name
    let life = Dice seed
    let dice = Dice(seed + 0x51UL)
    let all = ResizeArray<TrueConnection>()
    let alive = Dictionary<int, TrueConnection>()
    // Kept for as long as a window may last, which is seconds.
    let recent = Queue<TrueConnection>()
    let missedLast = [| HashSet<int>(); HashSet<int>() |]
    let mutable boots = 1
    let mutable bootedAt = clock.Now - TimeSpan.FromHours 100.0
    let mutable downUntil = clock.Now
    let mutable failing = 0

    let traits =
        { Traits.plain with
            AbsencesToClose = (if kind = ShiftingRows then 2 else 1)
            IdsTiedToBoot = (kind = Stamped) }

    let exponential (mean: TimeSpan) : TimeSpan = mean * -(log (1.0 - life.Fraction()))

    let finish (c: TrueConnection) =
        if c.End.IsNone then
            c.End <- ValueSome clock.Now
            alive.Remove c.Serial |> ignore
            recent.Enqueue c

    let begin' () =
        let serial = all.Count + 1
        let ticks = (clock.Now - bootedAt).Ticks / 100_000L

        let key =
            match kind with
            | Stamped -> $"{ticks}.{serial % 100}"
            | Timed
            | Untimed
            | ShiftingRows -> $"{name}-{serial:x}"

        let c =
            { Gateway = name
              Serial = serial
              Id = ConnectionId.create key
              Key = key
              Stamp = (if kind = Stamped then ValueSome(string ticks) else ValueNone)
              Facts =
                { Facts.none with
                    Call = ValueSome(CallId.create $"call-{serial}")
                    Mode = ValueSome(string serial) }
              Start = clock.Now
              End = ValueNone }

        all.Add c
        alive[serial] <- c
        clock.After(exponential churn.MeanLength, fun () -> finish c)

    let rec live () =
        if churn.Opened > 0.0 then
            clock.After(
                exponential (TimeSpan.FromSeconds(1.0 / churn.Opened)),
                fun () ->
                    if clock.Now >= downUntil then
                        begin' ()

                    live ()
            )

    do
        for _ in 1 .. churn.AtFirst do
            begin' ()

        live ()

    let span (limit: TimeSpan) : TimeSpan = limit * dice.Fraction()

    let boot (anchor: TimeSpan) (readAt: Instant) : Boot =
        let began = Interval.create (bootedAt + anchor - TimeSpan.FromMilliseconds 10.0) (bootedAt + anchor)

        match kind with
        | Stamped ->
            { Token = ValueSome(BootToken.create $"engine-{boots}")
              Scope = OfAgent
              Began = ValueSome began
              Period = ValueSome Boot.timeTicksPeriod
              ReadAt = readAt }
        | Timed ->
            { Token = ValueSome(BootToken.create $"core-{boots}")
              Scope = OfGateway
              Began = ValueSome began
              Period = ValueNone
              ReadAt = readAt }
        | ShiftingRows ->
            { Token = ValueNone
              Scope = OfAgent
              Began = ValueSome began
              Period = ValueSome Boot.timeTicksPeriod
              ReadAt = readAt }
        | Untimed -> Boot.untold readAt

    let snapshot asked answered boot completeness rows : Snapshot =
        { Gateway = id
          Protocol = "test"
          Profile = string kind
          Traits = traits
          Asked = asked
          Answered = answered
          Boot = boot
          Completeness = completeness
          Observations = rows
          Ended = [||]
          History = ValueNone
          Denied = [||]
          Total = ValueNone
          Standing = ValueNone
          Remarks = []
          Requests = 1 }

    /// Times are true time: requested, read by the gateway, and received.
    let observation
        (anchor: TimeSpan)
        (struct (c: TrueConnection, sent: Instant, moment: Instant, received: Instant))
        : Observation =
        let start =
            match kind with
            | Stamped ->
                let exact = TimeSpan.FromMilliseconds 10.0

                Interval.create (c.Start - exact) (Instant.min (c.Start + exact) received) |> ValueSome
            | Timed ->
                let told: TimeSpan =
                    TimeSpan.FromMilliseconds(Math.Floor (moment - c.Start).TotalMilliseconds)

                let coarse = told + TimeSpan.FromMilliseconds 1.0
                ValueSome(Interval.create (sent - coarse) (received - told))
            | Untimed
            | ShiftingRows -> ValueNone

        { Id = c.Id
          Stamp = c.Stamp
          Heard = Interval.shift anchor (Interval.create sent received)
          Setup = ValueNone
          Start = start |> ValueOption.map (Interval.shift anchor >> Timing.reported)
          MinimumAge = TimeSpan.Zero
          Facts = c.Facts }

    /// Where rows shift, sometimes one row that an audit is to miss.
    let skipped (rows: struct (TrueConnection * Instant * Instant * Instant)[]) : int voption =
        if kind = ShiftingRows && rows.Length > 0 && dice.Chance 30 then
            let struct (c, _, _, _) = rows[dice.Below rows.Length]
            ValueSome c.Serial
        else
            ValueNone

    /// What the server hears of these rows. Never is the same connection missing twice running from what one server hears: an audit
    /// whose result never reached it, because it crashed or because the replies were lost, does not count.
    let withoutMissed
        (server: int)
        (skipped: int voption)
        (rows: struct (TrueConnection * Instant * Instant * Instant)[])
        =
        let last = missedLast[server]
        let missed = skipped |> ValueOption.filter (fun serial -> not (last.Contains serial))
        last.Clear()
        missed |> ValueOption.iter (fun serial -> last.Add serial |> ignore)
        rows |> Array.filter (fun (struct (c, _, _, _)) -> not (last.Contains c.Serial))

    let silent (anchor: TimeSpan) (asked: Instant) : Heard =
        fun (read: Instant) _ ->
            let answered = read + anchor
            snapshot (asked + anchor) answered (Boot.untold answered) (Partial [ Silent "no answer" ]) [||]

    member _.Id = id
    member _.Name = name
    member _.Kind = kind
    /// Every connection that ever was.
    member _.All = all
    member _.Open = alive.Count

    /// The percentage of audits that fail.
    member _.Failing
        with get () = failing
        and set percent = failing <- percent

    /// Ends every connection; answers again after a while.
    member _.Reboot(down: TimeSpan) =
        for c in Array.ofSeq alive.Values do
            finish c

        boots <- boots + 1
        downUntil <- clock.Now + down
        bootedAt <- downUntil

    /// One audit by one of the servers. `told` is called when the gateway has answered, or is certain not to.
    member _.Audit(server: int, anchor: TimeSpan, reaches: unit -> bool, told: Heard -> unit) =
        let asked: Instant = clock.Now
        let length: TimeSpan = TimeSpan.FromMilliseconds 5.0 + span (TimeSpan.FromMilliseconds 200.0)
        let startsIn = boots
        let giveUp () = clock.After(TimeSpan.FromSeconds 3.0, fun () -> told (silent anchor asked))

        let answer () =
            let last = clock.Now

            while recent.Count > 0 && recent.Peek().End.Value < asked do
                recent.Dequeue() |> ignore

            let read (c: TrueConnection) =
                let moment: Instant = asked + span length

                if c.Start <= moment && (c.End.IsNone || c.End.Value > moment) then
                    let sent = Instant.max asked (moment - span (TimeSpan.FromMilliseconds 20.0))
                    let received = Instant.min last (moment + span (TimeSpan.FromMilliseconds 20.0))
                    ValueSome(struct (c, sent, moment, received))
                else
                    ValueNone

            let rows =
                [| for c in Seq.append alive.Values recent do
                       match read c with
                       | ValueSome row -> row
                       | ValueNone -> () |]

            rows
            |> Array.sortInPlaceWith (fun (struct (a, _, _, _)) (struct (b, _, _, _)) ->
                String.CompareOrdinal(a.Key, b.Key))

            let isWhole = not (dice.Chance failing)

            let rows = if isWhole then rows else rows |> Array.filter (fun _ -> dice.Chance 60)
            let skipped = if isWhole then skipped rows else ValueNone

            let completeness =
                if isWhole then
                    Complete [ EndOfTable; SameBoot ]
                else
                    Partial [ CutShort "half way" ]

            let ran = boot anchor (last + anchor)

            told (fun (answered: Instant) lost ->
                if lost then
                    silent anchor asked answered true
                else
                    let late = answered > last
                    let rows = if isWhole then withoutMissed server skipped rows else rows

                    let heard (struct (c, sent, moment, received)) =
                        observation anchor (struct (c, sent, moment, (if late then answered else received)))

                    snapshot (asked + anchor) (answered + anchor) ran completeness (Array.map heard rows))

        if not (reaches ()) || clock.Now < downUntil || dice.Below 300 < failing then
            giveUp ()
        else
            clock.After(length, fun () -> if reaches () && boots = startsIn then answer () else giveUp ())
