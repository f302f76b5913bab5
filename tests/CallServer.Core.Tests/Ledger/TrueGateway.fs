namespace CallServer.Tests.Ledger

open System
open System.Collections.Generic
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger

/// What is known of a gateway's connections besides that they are there.
type Kind =
    /// Ids for ever unique, starts reported: FreeSWITCH, rtpengine.
    | Unique
    /// Ids made of the up-time, with a history: Cisco.
    | BootTied
    /// Ids used again, starts reported.
    | Reused
    /// Nothing is reported but presence: MGCP.
    | Unreported
    /// A table whose rows shift, so that a complete audit may miss one: Asterisk.
    | Shifting

type Truth =
    {
        Key: int
        mutable Id: string
        mutable Stamp: string
        /// Two connections can be one call, and begin at one moment.
        Call: string
        Media: MediaAddress
        Setup: Instant
        /// Its answer, which may never come.
        Start: Instant
        mutable End: Instant voption
        /// When its row comes into the history.
        mutable Told: Instant
    }

/// Randomness of one world.
type Chances(seed: uint64) =
    let mutable rng = Rng.create seed

    member _.Below(limit: int) : int =
        let struct (value, next) = Rng.below limit rng
        rng <- next
        value

    member this.Percent(percent: int) : bool = this.Below 100 < percent
    member this.Micros(limit: int) : TimeSpan = TimeSpan.FromMicroseconds(float (this.Below limit))

/// A gateway as it truly is, and what an audit hears of it. It is unkind: ids of one run come again in the next, two legs of one
/// call begin at one moment, what rings is listed, and rows of the history are told again and again, some of them late.
type TrueGateway(kind: Kind, chances: Chances, start: Instant) =
    let truths = Dictionary<int, Truth>()
    let usedIds = HashSet<string>()
    let mutable bootedAt = start - TimeSpan.FromHours 3.0
    let mutable boots = 1

    let isReported = kind <> Unreported && kind <> Shifting

    let isThere (moment: Instant) (truth: Truth) =
        truth.Setup <= moment && (truth.End.IsNone || truth.End.Value > moment)

    let alive () = truths.Values |> Seq.filter (fun t -> t.End.IsNone) |> Array.ofSeq

    /// The stamp of its setup in tens of seconds, and a number: those of one run come again in the next.
    let stampedId (setup: Instant) =
        let stamp = string (max 0 (int ((setup - bootedAt).TotalSeconds / 10.0)))
        let id = Seq.initInfinite (fun n -> $"{stamp}.{n}") |> Seq.find usedIds.Add
        struct (id, stamp)

    let name (setup: Instant) key =
        match kind with
        | BootTied -> stampedId setup
        | Reused ->
            let used = alive () |> Seq.map (fun t -> t.Id) |> HashSet
            let id = Seq.initInfinite (fun i -> $"ch{i}") |> Seq.find (fun id -> not (used.Contains id))
            struct (id, "")
        | Unique
        | Unreported
        | Shifting -> struct ($"id-{key}", "")

    let add (setup: Instant) (ringing: TimeSpan) (call: string) =
        let key = truths.Count + 1
        let struct (id, stamp) = name setup key

        truths[key] <-
            { Key = key
              Id = id
              Stamp = stamp
              Call = call
              Media = { Host = "192.0.2.1"; Port = 4000 + 2 * key }
              Setup = setup
              Start = setup + ringing
              End = ValueNone
              Told = Instant.distantFuture }

    member _.Truths = truths
    member _.Kind = kind
    member _.BootedAt = bootedAt
    member _.Token = BootToken.create $"boot-{boots}"
    member _.IsReported = isReported

    member _.Open(now: Instant) =
        let ringing =
            if isReported && chances.Percent 40 then
                chances.Micros 8_000_000
            else
                TimeSpan.Zero

        let call = $"call-{truths.Count / 2}"
        add now ringing call

        if chances.Percent 30 then
            add now ringing (if chances.Percent 70 then call else call + "-b")

    member _.Close(now: Instant) =
        match alive () with
        | [||] -> ()
        | candidates ->
            let truth = candidates[chances.Below candidates.Length]
            truth.End <- ValueSome now
            truth.Told <- now + chances.Micros(if chances.Percent 30 then 8_000_000 else 1)

    /// It goes down with all its calls, and is back at another moment.
    member _.Reboot(now: Instant, back: Instant) =
        for truth in alive () do
            truth.End <- ValueSome now

        for truth in truths.Values do
            truth.Told <- Instant.distantFuture

        bootedAt <- back
        boots <- boots + 1
        usedIds.Clear()

    /// The management agent alone: setup stamps are counted from the new boot, and every row has another id.
    member _.RestartAgent(now: Instant) =
        bootedAt <- now
        boots <- boots + 1

        if kind = BootTied then
            usedIds.Clear()

            for truth in truths.Values do
                truth.Told <- Instant.distantFuture

            for truth in alive () |> Array.sortByDescending _.Key do
                let struct (id, stamp) = stampedId (bootedAt - TimeSpan.FromSeconds 1.0)
                truth.Id <- id
                truth.Stamp <- stamp

    member _.Boot(answered: Instant) : Boot =
        { Token = ValueSome(BootToken.create $"boot-{boots}")
          Scope = OfAgent
          Began =
            ValueSome(Interval.create (bootedAt - chances.Micros 20_000) (bootedAt + chances.Micros 20_000))
          Period = ValueSome Boot.timeTicksPeriod
          ReadAt = answered }

    /// What tells that it rings, or when it was answered, at that moment.
    member private _.Answer (truth: Truth) (moment: Instant) (heard: Interval) : Timing =
        if truth.Start > moment then
            Timing.reported (Interval.from (Instant.min heard.Earliest truth.Start))
        else
            let latest = Instant.min heard.Latest (truth.Start + chances.Micros 30_000)
            let latest = Instant.max latest truth.Start
            Timing.reported (Interval.create (truth.Start - chances.Micros 30_000) latest)

    member private _.Told (truth: Truth) (heard: Interval) : Observation =
        { Id = ConnectionId.create truth.Id
          Stamp = (if truth.Stamp <> "" then ValueSome truth.Stamp else ValueNone)
          Heard = heard
          Setup = ValueNone
          Start = ValueNone
          MinimumAge = TimeSpan.Zero
          Facts =
            { Facts.none with
                Call = ValueSome(CallId.create truth.Call)
                RemoteMedia = ValueSome truth.Media
                Mode = ValueSome(string truth.Key) } }

    member private _.SetupOf(truth: Truth) : Timing =
        Timing.reported (Interval.create (truth.Setup - chances.Micros 30_000) truth.Setup)

    /// All that one audit hears, each at a moment of its window. One id in one audit: of two users of an id the later row is read.
    member this.Listed(asked: Instant, answered: Instant) : Observation[] =
        let observe (truth: Truth) =
            let moment = asked + chances.Micros(int (answered.Micros - asked.Micros) + 1)

            if not (isThere moment truth) then
                None
            else
                let heard =
                    Interval.create
                        (Instant.max asked (moment - chances.Micros 20_000))
                        (Instant.min answered (moment + chances.Micros 20_000))

                let told = this.Told truth heard

                Some(
                    if isReported then
                        let start = this.Answer truth moment heard
                        let isActive = truth.Start <= moment

                        { told with
                            Start = ValueSome start
                            Setup = (if kind = Unique then ValueNone else ValueSome(this.SetupOf truth))
                            MinimumAge =
                                (if isActive && chances.Percent 50 then
                                     (heard.Earliest - truth.Start) * 0.9 |> max TimeSpan.Zero
                                 else
                                     TimeSpan.Zero) }
                    else
                        told
                )

        truths.Values
        |> Seq.choose observe
        |> Seq.sortBy _.Id
        |> Seq.groupBy _.Id
        |> Seq.map (fun (_, same) -> Seq.last same)
        |> Array.ofSeq

    /// The rows of its history that an audit reads at that moment.
    member this.Ended(moment: Instant) : Ended[] =
        truths.Values
        |> Seq.filter (fun truth -> truth.Told <= moment && truth.End.IsSome)
        |> Seq.map (fun truth ->
            let ended = truth.End.Value
            let wasAnswered = truth.Start <= ended
            let told = this.Told truth (Interval.point moment)

            let start =
                if wasAnswered then
                    Interval.create (truth.Start - chances.Micros 30_000) truth.Start
                else
                    Interval.from truth.Setup

            { Observation =
                { told with
                    Setup = ValueSome(this.SetupOf truth)
                    Start = ValueSome(Timing.reported start) }
              End =
                Timing.reported (
                    Interval.create (ended - chances.Micros 10_000) (ended + chances.Micros 10_000)
                )
              Cause = ValueNone
              Counters = ValueNone
              IsRenamed = false
              Row = ValueNone })
        |> Seq.sortBy _.Observation.Id
        |> Array.ofSeq
