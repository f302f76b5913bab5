namespace CallServer.Protocols.Snmp

open System
open System.Collections.Generic
open System.Globalization
open System.Text
open CallServer.Model
open CallServer.Wire

/// What one reply says of itself: all that it carries was true at some moment from Sent to Received.
type internal SnmpReply =
    {
        /// When the datagram was sent that it answers.
        Sent: Instant
        Received: Instant
        /// sysUpTime, in 1/100 s.
        UpTime: uint32 voption
        /// The gateway's clock, a DateAndTime.
        Clock: byte[] voption
        /// The gateway's own counts in rows, in the order of the profile's; nothing where the reply does not tell one.
        Counts: int64 voption[]
    }

    member this.Heard = Interval.create this.Sent this.Received

/// What one reply told of one row: a cell for each column of the profile, `Null` where it did not tell.
type internal Piece =
    {
        Instance: Oid
        Cells: Value[]
        Reply: SnmpReply
        /// Only the key columns were asked for.
        IsBrief: bool
    }

/// One row of a gateway's table, put together from all that was told of it.
[<NoEquality; NoComparison>]
type internal Row =
    {
        Instance: Oid
        /// Where each part of the index begins in the instance; one more for the end.
        Parts: int[]
        /// Newest first; then what nested tables tell.
        Pieces: Piece list
    }

/// Rows by instance, and the text of their fields.
module internal Rows =
    /// Whether it is a value, and not the agent's word that there is none.
    let isTold (value: Value) : bool =
        match value with
        | Null
        | NoSuchObject
        | NoSuchInstance
        | EndOfMibView -> false
        | Integer _
        | OctetString _
        | ObjectIdentifier _
        | IpAddress _
        | Counter32 _
        | Gauge32 _
        | TimeTicks _
        | Opaque _
        | Counter64 _ -> true

    /// Where the parts of an index lie in an instance that has them all, and perhaps more after them.
    let private tryParts (index: IndexPart[]) (instance: Oid) : int[] voption =
        let starts = Array.zeroCreate<int> (index.Length + 1)
        let mutable at = 0
        let mutable fits = true

        for number in 0 .. index.Length - 1 do
            starts[number] <- at

            let arcs =
                match index[number].Kind with
                | IndexNumber
                | IndexTimeStamp -> 1
                | IndexAddress -> 4
                | IndexText -> if fits && at < instance.Length then 1 + int (min 4096u instance[at]) else 1

            at <- at + arcs
            fits <- fits && at <= instance.Length

        starts[index.Length] <- at
        if fits then ValueSome starts else ValueNone

    /// The first piece that tells of a column, and what it says.
    let told (column: int) (row: Row) : struct (Value * SnmpReply) voption =
        let rec first (pieces: Piece list) =
            match pieces with
            | [] -> ValueNone
            | piece :: rest ->
                match piece.Cells[column] with
                | Null -> first rest
                | value -> ValueSome(struct (value, piece.Reply))

        first row.Pieces

    let cell (column: int) (row: Row) : Value =
        match told column row with
        | ValueSome(struct (value, _)) -> value
        | ValueNone -> Null

    /// Only its key columns were asked for: what else it has was not read.
    let isBrief (row: Row) : bool = row.Pieces |> List.forall _.IsBrief

    let isWhole (profile: Profile) (row: Row) : bool =
        profile.Identity |> Array.forall (fun column -> cell column row <> Null)

    /// All rows, and instances that do not have the shape of the profile's index. The pieces come newest
    /// first.
    let assemble (profile: Profile) (pieces: Piece seq) : struct (Row[] * Oid[]) =
        let own = Dictionary<Oid, Row>()
        let nested = ResizeArray<struct (Oid * Piece)>()
        let strange = ResizeArray<Oid>()

        let isNested (piece: Piece) =
            (profile.Columns, piece.Cells)
            ||> Array.exists2 (fun column cell -> column.Joint = BeginsWithIndex && cell <> Null)

        for piece in pieces do
            match tryParts profile.Index piece.Instance with
            | ValueNone -> strange.Add piece.Instance
            | ValueSome parts ->
                let length = parts[parts.Length - 1]

                if length < piece.Instance.Length then
                    if isNested piece then
                        let arcs = Array.sub (Oid.arcs piece.Instance) 0 length
                        nested.Add(struct (Oid.ofArcs arcs, piece))
                    else
                        strange.Add piece.Instance
                else
                    match own.TryGetValue piece.Instance with
                    // An older piece may be of another connection.
                    | true, _ when Profile.placesChange profile -> ()
                    | true, row -> own[piece.Instance] <- { row with Pieces = row.Pieces @ [ piece ] }
                    | _ ->
                        own[piece.Instance] <-
                            { Instance = piece.Instance; Parts = parts; Pieces = [ piece ] }

        nested.Sort(fun struct (_, a) struct (_, b) -> a.Instance.CompareTo b.Instance)

        for struct (instance, piece) in nested do
            match own.TryGetValue instance with
            | true, row -> own[instance] <- { row with Pieces = row.Pieces @ [ piece ] }
            // A sender of a session that is not listed: the session's own row came or went, and is asked
            // again if it is there.
            | _ -> ()

        let rows = Array.ofSeq own.Values
        rows |> Array.sortInPlaceWith (fun a b -> a.Instance.CompareTo b.Instance)
        struct (rows, strange.ToArray())

    let private isPrintable (text: string) =
        let mutable printable = true

        for character in text do
            if Char.IsControl character then
                printable <- false

        printable

    let hex (octets: byte[]) : string = Convert.ToHexStringLower octets

    /// Text where octets are printable (padding with zeros aside), else lower-case hex.
    let textOfOctets (octets: byte[]) : string =
        let mutable length = octets.Length

        while length > 0 && octets[length - 1] = 0uy do
            length <- length - 1

        if octets.Length = 0 then
            ""
        elif length = 0 then
            hex octets
        else
            let content = ReadOnlySpan<byte>(octets, 0, length)

            if Unicode.Utf8.IsValid content then
                let text = Encoding.UTF8.GetString content
                if isPrintable text then text else hex octets
            else
                hex octets

    let private decimal (value: int64) = value.ToString CultureInfo.InvariantCulture

    let private dotted (octets: byte[]) = String.Join('.', octets)

    /// Numbers are decimal, octets text or hex; an empty text tells nothing.
    let textOf (value: Value) : string =
        match value with
        | Null
        | NoSuchObject
        | NoSuchInstance
        | EndOfMibView -> ""
        | Integer number -> decimal number
        | Counter32 number
        | Gauge32 number
        | TimeTicks number -> decimal (int64 number)
        | Counter64 number -> number.ToString CultureInfo.InvariantCulture
        | OctetString octets
        | Opaque octets -> textOfOctets octets
        | IpAddress octets -> if octets.Length = 4 then dotted octets else hex octets
        | ObjectIdentifier oid -> string oid

    let octetsOf (value: Value) : byte[] voption =
        match value with
        | OctetString octets
        | Opaque octets
        | IpAddress octets -> ValueSome octets
        | Null
        | NoSuchObject
        | NoSuchInstance
        | EndOfMibView
        | Integer _
        | Counter32 _
        | Gauge32 _
        | TimeTicks _
        | Counter64 _
        | ObjectIdentifier _ -> ValueNone

    /// A number that is not negative.
    let numberOf (value: Value) : int64 voption =
        match value with
        | Integer number -> if number >= 0L then ValueSome number else ValueNone
        | Counter32 number
        | Gauge32 number
        | TimeTicks number -> ValueSome(int64 number)
        | Counter64 number -> if number <= uint64 Int64.MaxValue then ValueSome(int64 number) else ValueNone
        | Null
        | NoSuchObject
        | NoSuchInstance
        | EndOfMibView
        | OctetString _
        | Opaque _
        | IpAddress _
        | ObjectIdentifier _ -> ValueNone

    /// A part of the index as the value that it stands for.
    let private partOf (profile: Profile) (part: int) (row: Row) : Value =
        let start = row.Parts[part]
        let arcs = Oid.arcs row.Instance

        match profile.Index[part].Kind with
        | IndexNumber -> Gauge32 arcs[start]
        | IndexTimeStamp -> TimeTicks arcs[start]
        | IndexAddress -> IpAddress [| for offset in 0..3 -> byte arcs[start + offset] |]
        | IndexText -> OctetString [| for at in start + 1 .. row.Parts[part + 1] - 1 -> byte arcs[at] |]

    /// A field's value; text fields are octets.
    let value (profile: Profile) (field: Field) (row: Row) : Value =
        match field with
        | Column column -> cell column row
        | Part part -> partOf profile part row
        | Instance -> OctetString(Encoding.UTF8.GetBytes(string row.Instance))
        | Words words -> OctetString(Encoding.UTF8.GetBytes words)

    let fieldText (profile: Profile) (field: Field) (row: Row) : string =
        match field with
        | Column column -> textOf (cell column row)
        | Part part -> textOf (partOf profile part row)
        | Instance -> string row.Instance
        | Words words -> words

    /// All of the conditions hold.
    let holds (profile: Profile) (conditions: Condition list) (row: Row) : bool =
        conditions
        |> List.forall (fun condition ->
            Array.contains (fieldText profile condition.Field row) condition.Among)

    /// Everything that the conditions ask about is told.
    let decides (profile: Profile) (conditions: Condition list) (row: Row) : bool =
        conditions |> List.forall (fun condition -> value profile condition.Field row <> Null)

    let private shaped (profile: Profile) (source: Source) (row: Row) : string =
        match source.Shape with
        | AsText -> fieldText profile source.Field row
        | AsHex ->
            match octetsOf (value profile source.Field row) with
            | ValueSome octets -> hex octets
            | ValueNone -> fieldText profile source.Field row
        | AsCause ->
            octetsOf (value profile source.Field row)
            |> ValueOption.map Cause.ofOctets
            |> ValueOption.defaultValue ""
        | Before mark ->
            let text = fieldText profile source.Field row
            let at = text.IndexOf(mark, StringComparison.Ordinal)
            if at < 0 then "" else text[.. at - 1]
        | After mark ->
            let text = fieldText profile source.Field row
            let at = text.IndexOf(mark, StringComparison.Ordinal)
            if at < 0 then "" else text[at + mark.Length ..]

    let private paired (profile: Profile) (source: Source) (text: string) (row: Row) : string =
        match source.PairedWith with
        | ValueNone -> text
        | ValueSome other ->
            let second = fieldText profile other row

            if second = "" then ""
            elif String.CompareOrdinal(text, second) <= 0 then text + "|" + second
            else second + "|" + text

    /// What a source says of a row; nothing where it tells nothing.
    let tell (profile: Profile) (source: Source) (row: Row) : string voption =
        if not (holds profile source.When row) then
            ValueNone
        else
            let text = shaped profile source row

            if text = "" || Array.contains text source.Absent then
                ValueNone
            else
                let named =
                    if source.Names.IsEmpty then
                        text
                    else
                        match source.Names.TryGetValue text with
                        | true, name -> name
                        | _ -> text

                match paired profile source named row with
                | "" -> ValueNone
                | text -> ValueSome text

    /// What the first source says that says something.
    let text (profile: Profile) (sources: Source list) (row: Row) : string voption =
        let rec first sources =
            match sources with
            | [] -> ValueNone
            | source :: rest ->
                match tell profile source row with
                | ValueSome text -> ValueSome text
                | ValueNone -> first rest

        first sources

    /// Whether nothing that was not told could have changed what the first source says that says something.
    let isCertain (profile: Profile) (sources: Source list) (row: Row) : bool =
        let rec first sources =
            match sources with
            | [] -> true
            | source :: rest ->
                decides profile source.When row
                && value profile source.Field row <> Null
                && ((tell profile source row).IsSome || first rest)

        first sources
