namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger

/// Whether the gateway's own counts agree with the rows that a walk listed (rule 3).
module internal CountProof =
    /// What the gateway's counts said in rows, each newest first, by their numbers in the profile.
    type Samples = Map<int, int64 list>

    let none: Samples = Map.empty

    /// Adds the counts of one reply.
    let sample (counts: int64 voption[]) (samples: Samples) : Samples =
        (samples, Array.indexed counts)
        ||> Array.fold (fun samples (number, count) ->
            match count with
            | ValueSome count ->
                Map.change number (fun known -> Some(count :: Option.defaultValue [] known)) samples
            | ValueNone -> samples)

    /// The next walk begins with the last sample of each.
    let latest (samples: Samples) : Samples = samples |> Map.map (fun _ known -> List.truncate 1 known)

    /// What the samples of the gateway's count say about n listed rows.
    type CountVerdict =
        | Untold
        | Agrees
        /// The table lists fewer rows than were counted.
        | Misses of counted: int
        /// It lists more.
        | Exceeds of counted: int

    let private toInt (count: int64) = int (min count (int64 Int32.MaxValue))

    /// All ups and all downs of samples, oldest first.
    let moves (samples: int64 list) : struct (int64 * int64) =
        (struct (0L, 0L), List.pairwise samples)
        ||> List.fold (fun (struct (ups, downs)) (before, after) ->
            struct (ups + max 0L (after - before), downs + max 0L (before - after)))

    /// Rows that were there all along are listed; those that opened or closed meanwhile may be or not. With D and U all that the
    /// samples, oldest first, went down and up by, or `others` did that were taken more often, c0 - D <= n <= c0 + U. `young` rows are
    /// known by their stamps to have opened since the first sample: at least as many ups happened, and the downs that balance them.
    /// `pending` rows are not connected yet: a gateway may count them or not.
    let count
        (samples: int64 list)
        (struct (otherUps, otherDowns))
        (listed: int)
        (young: int)
        (pending: int)
        : CountVerdict =
        match samples with
        | [] -> Untold
        | first :: _ ->
            let last = List.last samples
            let struct (ups, downs) = moves samples
            let ups = max (max ups otherUps) (int64 young)
            let downs = max (max downs otherDowns) (first - last + ups)
            let most = int64 listed
            let least = int64 (listed - pending)

            if first - downs > most then Misses(toInt last)
            elif least > first + ups then Exceeds(toInt last)
            else Agrees

    /// The table's index moves, so that only a walk during which nothing moved is sure: all samples are the same. Where the agent
    /// answers from a copy made at the first request, only the first sample is of that copy.
    let countAtRest (samples: int64 list) (cached: bool) (listed: int) : CountVerdict =
        match samples with
        | [] -> Untold
        | first :: rest ->
            let moved = not cached && List.exists (fun sample -> sample <> first) rest

            if moved || first > int64 listed then Misses(toInt first)
            elif first < int64 listed then Exceeds(toInt first)
            else Agrees

    /// Rows whose index says that they were set up after the walk's first reply.
    let private countYoung (profile: Profile) (first: SnmpReply voption) (rows: Row[]) : int =
        match first with
        | ValueSome { UpTime = ValueSome upTime } when profile.Index[0].Kind = IndexTimeStamp ->
            rows
            |> Array.sumBy (fun row -> if TimeEvidence.ticksSince row.Instance[0] upTime < 0L then 1 else 0)
        | ValueSome _
        | ValueNone -> 0

    let private isPending (observation: Observation) =
        match observation.Start with
        | ValueSome start -> start.Within.Latest = Instant.distantFuture
        | ValueNone -> false

    /// What each of the profile's counts says of the listed connections and of all whole rows. `first` is the walk's first reply. The
    /// first count that the gateway serves was asked most often: its moves count for the others too.
    let judge
        (profile: Profile)
        (samples: Samples)
        (first: SnmpReply voption)
        (listed: Observation[])
        (rows: Row[])
        : CountVerdict list =
        let samplesOf number = samples |> Map.tryFind number |> Option.defaultValue [] |> List.rev
        let cached = profile.Traits.Staleness > TimeSpan.Zero
        let pending = listed |> Array.sumBy (fun observation -> if isPending observation then 1 else 0)
        let young = countYoung profile first rows

        let others =
            match Seq.tryHead (Map.keys samples) with
            | Some number -> moves (samplesOf number)
            | None -> struct (0L, 0L)

        [ for number in 0 .. profile.Counts.Length - 1 do
              let samples = samplesOf number

              let verdict =
                  if profile.Positional then
                      countAtRest samples cached listed.Length
                  else
                      count samples others listed.Length young pending

              match verdict with
              | Exceeds _ when profile.Counts[number].AtLeast -> Untold
              | verdict -> verdict ]
