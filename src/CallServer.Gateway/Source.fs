namespace CallServer.Gateway

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Prelude

/// Makes calls, one after the other.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal Source =
    let private seconds (seconds: float) = int64 (seconds * 1e6)

    let private exponential (mean: float) (rng: Rng) : struct (int64 * Rng) =
        let struct (fraction, rng) = Rng.fraction rng
        struct (int64 (-Math.Log(1.0 - fraction) * mean), rng)

    let private uniform (struct (low: TimeSpan, high: TimeSpan)) (rng: Rng) : struct (int64 * Rng) =
        let struct (fraction, rng) = Rng.fraction rng
        struct (seconds (low.TotalSeconds + fraction * (high - low).TotalSeconds), rng)

    let private logUniform (struct (low: TimeSpan, high: TimeSpan)) (rng: Rng) : struct (int64 * Rng) =
        let struct (fraction, rng) = Rng.fraction rng
        let low = Math.Log(max 1e-6 low.TotalSeconds)
        let high = Math.Log(max 1e-6 high.TotalSeconds)
        struct (seconds (Math.Exp(low + fraction * (high - low))), rng)

    let after (micros: int64) (instant: Instant) : Instant = Instant.ofMicros (instant.Micros + micros)

    /// The next arrival's start and end, and the source after it.
    let arrive (source: Source) : struct (Instant * Instant * Source) =
        let setup = source.NextSetup
        let struct (ring, rng) = uniform source.Options.Ringing source.Arrivals
        let struct (life, rng) = exponential (TableOptions.meanLifetime source.Options) rng
        let struct (gap, rng) = exponential (1e6 / source.Options.Churn) rng
        let start = after ring setup
        struct (start, after life start, { source with NextSetup = after (gap + 1L) setup; Arrivals = rng })

    /// The next call of a source, with these times.
    let draw (source: Source) setup start ends : struct (SimConnection * Source) =
        let made = SimConnection.draw source.Seed source.Options.Codecs source.Drawn 1 setup start ends

        let made =
            source.Trunk |> ValueOption.fold (fun made trunk -> Trunk.place trunk source.Drawn made) made

        struct (made, { source with Drawn = source.Drawn + 1L })

    /// The times with which a source begins: setup, start and end of the connections that are already active, then of the ringing
    /// ones.
    let private first (now: Instant) (source: Source) =
        let options = source.Options
        let times = List<struct (Instant * Instant * Instant)>()
        let mutable rng = source.Arrivals

        for _ in 1 .. options.Connections do
            let struct (age, rest) = logUniform options.Ages rng
            let struct (ring, rest) = uniform options.Ringing rest
            let start = after (-age) now

            if options.Churn > 0.0 then
                let struct (life, rest) = exponential (TableOptions.meanLifetime options) rest
                rng <- rest
                times.Add(struct (after (-ring) start, start, after (life + 1L) now))
            else
                rng <- rest
                times.Add(struct (after (-ring) start, start, Instant.distantFuture))

        let mutable source = { source with Arrivals = rng }

        if options.Churn > 0.0 then
            let struct (_, longest) = options.Ringing
            let struct (gap, rest) = exponential (1e6 / options.Churn) rng
            source <- { source with Arrivals = rest; NextSetup = after gap (now - longest) }

            while source.NextSetup <= now do
                let setup = source.NextSetup
                let struct (start, ends, following) = arrive source

                if start > now then
                    times.Add(struct (setup, start, ends))

                source <- following

        times.Sort(fun (struct (a, _, _)) (struct (b, _, _)) -> compare a.Micros b.Micros)
        struct (times, source)

    /// A source at its beginning, and the calls that it already has, in the order of their setup.
    let create (now: Instant) seed trunk options : struct (SimConnection[] * Source) =
        let struct (own, arrivals) = Rng.split (Rng.create seed)
        let struct (attributes, _) = Rng.next own

        let struct (times, source) =
            first
                now
                { Trunk = trunk
                  Seed = attributes
                  Options = options
                  Arrivals = arrivals
                  NextSetup = Instant.distantFuture
                  Drawn = 0L }

        let mutable source = source
        let calls = Array.zeroCreate times.Count

        for place in 0 .. times.Count - 1 do
            let struct (setup, start, ends) = times[place]
            let struct (connection, following) = draw source setup start ends
            calls[place] <- connection
            source <- following

        struct (calls, source)
