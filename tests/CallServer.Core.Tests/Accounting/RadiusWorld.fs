namespace CallServer.Tests.Accounting

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Prelude
open CallServer.Wire
open CallServer.Accounting

/// What a world does to accounting.
type RadiusWorldPlan =
    {
        Sessions: int
        /// The probability that a datagram is lost.
        Loss: float
        /// The most losses in a row of one packet and its answers.
        LossesInRow: int
        /// The probability that a datagram arrives twice.
        Duplication: float
        /// Whether server and client fail at any moment; otherwise the server stops only when every packet is
        /// answered.
        Crashes: bool
    }

/// A record that the server accepted.
type Taken = { Session: string; Status: uint32; Delay: TimeSpan; Waited: TimeSpan }

/// An outbox, an exchange and a RADIUS server that drops repeats as RFC 5080 §2.2.2 says, in virtual time.
type RadiusWorld(seed: uint64, plan: RadiusWorldPlan) =
    let secret = Secret.ofText "secret"
    let settings = { Secret = secret; Timeout = TimeSpan.FromSeconds 1.0; Window = 8 }
    let epoch = 1_770_000_000_000_000L
    let mutable rng = Rng.create seed
    let mutable now = epoch
    let mutable order = 0L
    let events = PriorityQueue<(unit -> unit), struct (int64 * int64)>()
    let outbox = SortedDictionary<int64, RadiusEntry>()
    let mutable sequence = 0L
    let mutable mark = 0L
    let mutable life = 0
    let mutable exchange = RadiusExchange.start settings 250uy
    let mutable wakes = 0
    // The server accepts no new packets while it drains, and hears nothing while it is down.
    let mutable draining = false
    let mutable down = false
    // Packets that were sent while the server was down are sent again soon, and then none of their answers is lost.
    let mutable calmUntil = 0L
    let seen = Dictionary<string, byte[]>()
    let taken = ResizeArray<Taken>()
    let sequences = HashSet<int64>()
    let losses = Dictionary<string, int>()
    let early = ResizeArray<int64>()

    let chance p =
        let struct (fraction, next) = Rng.fraction rng
        rng <- next
        fraction < p

    let between low high =
        let struct (n, next) = Rng.below (high - low + 1) rng
        rng <- next
        low + n

    let after (millis: int) (action: unit -> unit) =
        order <- order + 1L
        events.Enqueue(action, struct (now + int64 millis * 1000L, order))

    let moment () = Moment.at (Instant.ofMicros now)

    /// Carries a datagram. `about` names its packet: a packet and its answers share one count of losses.
    let carry (about: string) (arrive: unit -> unit) =
        let lost = losses.GetValueOrDefault about

        if lost < plan.LossesInRow && now >= calmUntil && chance plan.Loss then
            losses[about] <- lost + 1
        else
            after (between 1 150) arrive

            if chance plan.Duplication then
                after (between 1 400) arrive

    let number kind attributes =
        match RadiusAttribute.tryFind kind attributes with
        | ValueSome(RadiusValue.Integer value) -> value
        | other -> failwith $"%A{other}"

    let take (attributes: RadiusAttribute list) =
        let session =
            match RadiusAttribute.tryFind RadiusType.AcctSessionId attributes with
            | ValueSome(RadiusValue.Text session) -> session
            | other -> failwith $"%A{other}"

        let status = number RadiusType.AcctStatusType attributes

        let entry =
            outbox.Values
            |> Seq.find (fun entry ->
                entry.Session = session && number RadiusType.AcctStatusType entry.Attributes = status)

        sequences.Add entry.Sequence |> ignore

        taken.Add
            { Session = session
              Status = status
              Delay = TimeSpan.FromSeconds(float (number RadiusType.AcctDelayTime attributes))
              Waited = Instant.ofMicros now - entry.At }

    let rec apply (state: RadiusExchange.State, commands: RadiusCommand list) =
        exchange <- state

        for command in commands do
            match command with
            | RadiusCommand.Send octets -> carry (Convert.ToHexString octets) (fun () -> serve octets)
            | RadiusCommand.Done sequence ->
                mark <- sequence

                for pair in outbox do
                    if pair.Key <= sequence && not (sequences.Contains pair.Key) then
                        early.Add pair.Key
            | RadiusCommand.WakeAt instant ->
                wakes <- wakes + 1
                let mine, alive = wakes, life

                after (int ((instant.Micros - now + 999L) / 1000L)) (fun () ->
                    if mine = wakes && alive = life then
                        apply (RadiusExchange.advance (RadiusEvent.Woke(moment ())) exchange))

        let wanted = RadiusExchange.wanted exchange

        let news =
            outbox
            |> Seq.filter (fun pair -> pair.Key > mark)
            |> Seq.truncate wanted
            |> Seq.map (fun pair -> Ok pair.Value)
            |> Seq.toList

        // Offering records that are known already changes nothing, and would go on for ever.
        if
            news
            |> List.exists (fun entry -> entry |> Result.exists (fun entry -> entry.Sequence > highest ()))
        then
            apply (RadiusExchange.advance (RadiusEvent.Offered(moment (), news)) exchange)

    and highest () = exchange.Highest

    and serve (octets: byte[]) =
        if not down then
            match RadiusCodec.verifyRequest secret octets with
            | Error error -> failwith $"%A{error}"
            | Ok packet ->
                let authenticator = RadiusCodec.authenticator octets
                let key = $"{packet.Identifier} {Convert.ToHexString authenticator}"

                if not (seen.ContainsKey key) && not draining then
                    take packet.Attributes

                    seen[key] <-
                        RadiusCodec.encodeResponse
                            secret
                            authenticator
                            { Code = RadiusCode.AccountingResponse
                              Identifier = packet.Identifier
                              Attributes = [] }

                match Option.ofObj (seen.GetValueOrDefault key) with
                | Some response ->
                    let alive = life

                    carry (Convert.ToHexString octets) (fun () ->
                        if alive = life then
                            apply (
                                RadiusExchange.advance (RadiusEvent.Received(moment (), response)) exchange
                            ))
                | None -> ()

    let put (session: string) (status: int64) =
        sequence <- sequence + 1L

        outbox[sequence] <-
            { Sequence = sequence
              Session = session
              At = Instant.ofMicros now
              Attributes =
                RadiusAttribute.integer RadiusType.AcctStatusType status
                :: RadiusAttribute.text RadiusType.AcctSessionId session }

        apply (exchange, [])

    let outage () =
        let last = between 1_000 60_000

        if plan.Crashes then
            down <- true
            seen.Clear()
            after last (fun () -> down <- false)
        else
            draining <- true

            after 8_000 (fun () ->
                down <- true

                after last (fun () ->
                    down <- false
                    draining <- false
                    calmUntil <- now + 8_000_000L))

    let restart () =
        life <- life + 1
        exchange <- RadiusExchange.start settings (byte (between 0 255))
        apply (exchange, [])

    /// Runs the plan, and then on until the outbox is empty; false if that takes more than a day.
    member _.Run() : bool =
        for session in 1 .. plan.Sessions do
            let began = between 0 120_000
            after began (fun () -> put $"s{session}" 1L)

            if chance 0.5 then
                after (began + between 0 20_000) (fun () -> put $"s{session}" 3L)

            after (began + 20_000 + between 0 120_000) (fun () -> put $"s{session}" 2L)

        // One outage after the other: each may drain for 8 seconds and last for 60.
        for number in 0..2 do
            after (number * 90_000 + between 0 20_000) outage

        if plan.Crashes then
            for _ in 1..2 do
                after (between 0 300_000) restart

        let isOver () = sequence > 0L && events.Count = 0
        let limit = epoch + 86_400_000_000L
        let mutable action = Unchecked.defaultof<unit -> unit>
        let mutable at = Unchecked.defaultof<struct (int64 * int64)>

        while not (isOver ()) && now < limit && events.TryDequeue(&action, &at) do
            let struct (time, _) = at
            now <- time
            action ()

        mark = sequence

    member _.Taken: IReadOnlyList<Taken> = taken
    member _.Entries = outbox.Values |> Seq.toList

    /// Sequences that the outbox was told to forget before the server had accepted them.
    member _.ForgottenEarly: IReadOnlyList<int64> = early

    member _.Settings = settings
    member _.Tally = RadiusExchange.tally exchange
