namespace CallServer.Protocols.Snmp

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// What an audit goes by that reads the key columns alone of connections that the record knows.
[<NoComparison>]
type internal Brief =
    {
        /// The key columns: they say that a row is there, which connection it is, and in which state.
        Columns: int[]
        /// The profile as far as the key columns tell it. A fact that hangs on any other column is not in it: one source of
        /// several would say another thing than all of them.
        Told: Profile
        /// The connections of the record whose facts were read before.
        Known: Dictionary<ConnectionId, Connection>
    }

/// Which columns are read of which rows. What was not read is no fact that the gateway lacks: the record keeps what it has.
module internal Brief =
    /// A connection is read whole this many times before its key columns do: some facts come later than the row.
    [<Literal>]
    let private WholeReadings = 2

    let private timed (time: TimeSource) : Source =
        match time with
        | UpTimeStamp(source, _)
        | ClockStamp(source, _)
        | EpochStamp source -> source
        | Duration column -> column.Source

    let private coded (codec: CodecSource) : Source list =
        match codec with
        | CodecName(name, rate) -> name :: ValueOption.toList rate
        | CodecPayloadType source -> [ source ]

    let private placed (address: AddressSource) : Source list =
        match address with
        | HostAndPort(host, port) -> host :: ValueOption.toList port
        | TransportAddress source -> [ source ]

    let private conditioned (conditions: Condition list) : int list =
        [ for condition in conditions do
              match condition.Field with
              | Column column -> column
              | Part _
              | Instance
              | Words _ -> () ]

    /// The key columns of a profile. Where ids are used again and no stamp tells their uses apart, the times and the call's name
    /// are among them: nothing else shows at once that a row is another connection's. Nothing where reading them alone saves
    /// little, or is not safe: rows of a positional table move under the walk, and cannot be read once more by their places.
    let columns (profile: Profile) : int[] voption =
        let stamp = Profile.columnsOf profile.Stamp

        let times =
            if profile.Stamp.IsEmpty then
                Profile.columnsOf (List.map timed (profile.Setup @ profile.Start))
                @ (if profile.Traits.ReusesIds then Profile.columnsOf profile.Call else [])
            else
                []

        let keys =
            [| yield! profile.Identity
               yield! Profile.columnsOf profile.Id
               yield! stamp
               yield! times
               yield! conditioned profile.Where
               yield! conditioned profile.Active
               yield! profile.MayRing |> ValueOption.map conditioned |> ValueOption.defaultValue []
               yield! Profile.columnsOf profile.State |]
            |> Array.distinct
            |> Array.sort

        let isOwn column = profile.Columns[column].Joint = SameIndex
        let isNested (column: ColumnDefinition) = column.Joint = BeginsWithIndex

        if
            profile.Positional
            || not (Array.forall isOwn keys)
            || Array.exists isNested profile.Columns
            || keys.Length * 2 > profile.Columns.Length
        then
            ValueNone
        else
            ValueSome keys

    let private told (keys: int[]) (profile: Profile) : Profile =
        let isRead sources =
            Profile.columnsOf sources |> List.forall (fun column -> Array.contains column keys)

        let kept (sources: Source list) = if isRead sources then sources else []

        let all (reads: 'T -> Source list) (items: 'T list) =
            if isRead (List.collect reads items) then items else []

        let qos = profile.Qos

        { profile with
            Call = kept profile.Call
            Endpoint = kept profile.Endpoint
            Originator = kept profile.Originator
            Remote = kept profile.Remote
            Direction = kept profile.Direction
            Codec = all coded profile.Codec
            // The record takes them together.
            Qos =
                (if isRead (qos.Dscp @ qos.Service @ qos.Reported) then
                     qos
                 else
                     { Dscp = []; Service = []; Reported = [] })
            Mode = kept profile.Mode
            State = kept profile.State
            LocalMedia = all placed profile.LocalMedia
            RemoteMedia = all placed profile.RemoteMedia
            Setup = all (timed >> List.singleton) profile.Setup
            Start = all (timed >> List.singleton) profile.Start }

    /// Rings, as far as its row can tell that from being active.
    let private isRinging (profile: Profile) (c: Connection) : bool =
        Times.isPending c.Start && profile.MayRing <> ValueSome []

    let private isRead (profile: Profile) (c: Connection) : bool =
        c.Status = Status.Confirmed
        && c.Absences = 0
        && c.ConfirmedCount >= WholeReadings
        && not (isRinging profile c)

    /// How to read a gateway of this profile of which these connections are on record; nothing where all is to be read: most of
    /// its rows would have to be read whole, or a restart is not settled yet.
    let create (profile: Profile) (known: Connection[]) : Brief voption =
        match columns profile with
        | ValueNone -> ValueNone
        | ValueSome keys ->
            let read = Dictionary()

            for c in known do
                if isRead profile c then
                    read[c.Id] <- c

            // Whether a connection of an earlier run outlived the restart, others tell by their starts.
            let isOneRun = known |> Array.forall (fun c -> c.Run = known[0].Run)

            if read.Count = 0 || read.Count * 2 < known.Length || not isOneRun then
                ValueNone
            else
                ValueSome { Columns = keys; Told = told keys profile; Known = read }

    /// Whether a row is one of the known connections, and nothing that its key columns tell has changed but its state, which is told
    /// with them. Any other row is read whole.
    let isKnown (brief: Brief) (origin: TimeEvidence.Origin voption) (row: Row) : bool =
        match SnmpObserving.observe brief.Told origin row with
        | ValueNone -> false
        | ValueSome o ->
            match brief.Known.TryGetValue o.Id with
            | true, c ->
                let traits = brief.Told.Traits
                let struct (o, unlawful) = Lawful.observation traits o

                unlawful.IsNone
                && (brief.Told.Stamp.IsEmpty || (o.Stamp.IsSome && o.Stamp = c.Stamp))
                && not (Times.isAnother traits c.Run c o)
                && Times.isPending (Times.startOf o) = Times.isPending c.Start
                && Facts.addsNothing c.Facts { o.Facts with State = ValueNone }
            | _ -> false
