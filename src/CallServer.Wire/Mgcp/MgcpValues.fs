namespace CallServer.Wire

open System
open System.Globalization
open CallServer.Model

/// Splits lists, such as connection options and bulk audits.
module internal MgcpList =
    /// Splits at each separator outside quotes and brackets. Returns the first `limit` pieces, trimmed, without empty ones.
    let split (separator: char) (limit: int) (text: string) : string[] =
        let found = ResizeArray<string>()

        let keep start stop =
            let piece = text.AsSpan(start, stop - start).Trim()

            if piece.Length > 0 && found.Count < limit then
                found.Add(piece.ToString())

        let rec go start at quoted depth =
            if at = text.Length then
                keep start at
            elif quoted then
                go start (at + 1) (text[at] <> '"') depth
            elif text[at] = '"' then
                go start (at + 1) true depth
            elif text[at] = '[' then
                go start (at + 1) false (depth + 1)
            elif text[at] = ']' then
                go start (at + 1) false (max 0 (depth - 1))
            elif text[at] = separator && depth = 0 then
                keep start at

                if found.Count < limit then
                    go (at + 1) (at + 1) false 0
            else
                go start (at + 1) false depth

        go 0 0 false 0
        found.ToArray()

    /// `key<mark>value`, trimmed; the value is empty if there is no mark.
    let pair (mark: char) (text: string) : struct (string * string) =
        match text.IndexOf mark with
        | -1 -> struct (text.Trim(), "")
        | at -> struct (text.Substring(0, at).Trim(), text.Substring(at + 1).Trim())

    let tryNumber (text: string) : int voption =
        match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, value -> ValueSome value
        | false, _ -> ValueNone

/// The options that a call agent requested for a connection (`L:`, RFC 3435 §3.2.2.10). A gateway does not report defaults, so
/// options that the call agent did not request are missing.
type LocalConnectionOptions =
    {
        /// `p:` packet time in milliseconds, as a range.
        PacketTime: struct (int * int) voption
        /// `a:` encoding names, in order of preference.
        Codecs: string[]
        /// `b:` kbit/s, as given.
        Bandwidth: string voption
        /// `t:` the type-of-service octet. Its upper six bits are the DSCP.
        TypeOfService: byte voption
        /// `r:` resource reservation.
        Service: ServiceClass voption
        /// `s:` whether silence suppression is on.
        SilenceSuppression: bool voption
        /// `e:` whether echo cancellation is on.
        EchoCancellation: bool voption
        /// `gc:` decibels or `auto`, as given.
        Gain: string voption
        /// `nt:` IN, ATM or LOCAL.
        Network: string voption
        /// All other options, and those that could not be read; as given.
        Others: struct (string * string)[]
    }

/// Reads and writes local connection options.
module LocalConnectionOptions =
    /// The most options to read. No real line has more.
    [<Literal>]
    let private MaxOptions = 64

    /// No options: the call agent requested none.
    let none: LocalConnectionOptions =
        { PacketTime = ValueNone
          Codecs = [||]
          Bandwidth = ValueNone
          TypeOfService = ValueNone
          Service = ValueNone
          SilenceSuppression = ValueNone
          EchoCancellation = ValueNone
          Gain = ValueNone
          Network = ValueNone
          Others = [||] }

    let private range (text: string) : struct (int * int) voption =
        let struct (low, high) = MgcpList.pair '-' text

        match MgcpList.tryNumber low, MgcpList.tryNumber high with
        | ValueSome low, ValueSome high when high >= low -> ValueSome(struct (low, high))
        | ValueSome low, ValueNone when high = "" -> ValueSome(struct (low, low))
        | _ -> ValueNone

    let private octet (text: string) : byte voption =
        match Byte.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) with
        | true, value when text.Length <= 2 -> ValueSome value
        | _ -> ValueNone

    let private onOff (text: string) : bool voption =
        match text.ToLowerInvariant() with
        | "on" -> ValueSome true
        | "off" -> ValueSome false
        | _ -> ValueNone

    let private service (text: string) : ServiceClass voption =
        match text.ToLowerInvariant() with
        | "g" -> ValueSome Guaranteed
        | "cl" -> ValueSome ControlledLoad
        | "be" -> ValueSome BestEffort
        | _ -> ValueNone

    let private take (options: LocalConnectionOptions) (piece: string) : LocalConnectionOptions =
        let struct (key, value) = MgcpList.pair ':' piece
        let other = { options with Others = Array.append options.Others [| struct (key, value) |] }

        /// An option that cannot be read is kept as given.
        let known (read: 'T voption) (put: 'T -> LocalConnectionOptions) =
            match read with
            | ValueSome value -> put value
            | ValueNone -> other

        match key.ToLowerInvariant() with
        | "p" -> known (range value) (fun time -> { options with PacketTime = ValueSome time })
        | "a" -> { options with Codecs = MgcpList.split ';' MaxOptions value }
        | "b" -> { options with Bandwidth = ValueSome value }
        | "t" -> known (octet value) (fun octet -> { options with TypeOfService = ValueSome octet })
        | "r" -> known (service value) (fun service -> { options with Service = ValueSome service })
        | "s" -> known (onOff value) (fun on -> { options with SilenceSuppression = ValueSome on })
        | "e" -> known (onOff value) (fun on -> { options with EchoCancellation = ValueSome on })
        | "gc" -> { options with Gain = ValueSome value }
        | "nt" -> { options with Network = ValueSome value }
        | _ -> other

    /// Reads the value of an `L:` line. Never fails: what it cannot read goes to `Others`.
    let decode (text: string) : LocalConnectionOptions =
        MgcpList.split ',' MaxOptions text |> Array.fold take none

    let private serviceText (service: ServiceClass) =
        match service with
        | Guaranteed -> "g"
        | ControlledLoad -> "cl"
        | BestEffort -> "be"

    /// Writes the options as the value of an `L:` line.
    let encode (options: LocalConnectionOptions) : string =
        let given (key: string) (value: string voption) =
            match value with
            | ValueSome text -> [ $"{key}:{text}" ]
            | ValueNone -> []

        let onOff on = if on then "on" else "off"

        [ match options.PacketTime with
          | ValueSome(struct (low, high)) when low = high -> $"p:{low}"
          | ValueSome(struct (low, high)) -> $"p:{low}-{high}"
          | ValueNone -> ()

          if options.Codecs.Length > 0 then
              "a:" + String.Join(';', options.Codecs)

          yield! given "b" options.Bandwidth
          yield! given "t" (options.TypeOfService |> ValueOption.map (fun octet -> octet.ToString "x2"))
          yield! given "r" (ValueOption.map serviceText options.Service)
          yield! given "s" (ValueOption.map onOff options.SilenceSuppression)
          yield! given "e" (ValueOption.map onOff options.EchoCancellation)
          yield! given "gc" options.Gain
          yield! given "nt" options.Network

          for struct (key, value) in options.Others do
              if value = "" then key else $"{key}:{value}" ]
        |> String.concat ", "

/// The counters that a gateway keeps for one connection: `P:` (RFC 3435 §3.2.2.6).
module ConnectionParameters =
    /// Counters stop at this value; they do not wrap.
    [<Literal>]
    let Saturated = 999_999_999L

    /// The most counters to read. The RFC defines ten; products add their own.
    [<Literal>]
    let private MaxParameters = 64

    let private number (text: string) : int64 voption =
        if text = "" || not (Seq.forall Char.IsAsciiDigit text) then
            ValueNone
        else
            let digits = text.TrimStart '0'

            ValueSome(
                if digits = "" then 0L
                elif digits.Length > 9 then Saturated
                else Int64.Parse digits
            )

    let private take (counters: Counters) (piece: string) : Counters =
        let struct (key, value) = MgcpList.pair '=' piece

        match number value with
        | ValueNone -> counters
        | value ->
            match key.ToUpperInvariant() with
            | "PS" -> { counters with PacketsSent = value }
            | "OS" -> { counters with OctetsSent = value }
            | "PR" -> { counters with PacketsReceived = value }
            | "OR" -> { counters with OctetsReceived = value }
            | "PL" -> { counters with PacketsLost = value }
            | "JI" -> { counters with JitterMs = value }
            | "LA" -> { counters with LatencyMs = value }
            | _ -> counters

    /// Reads the value of a `P:` line. Leaves out counters that are unknown or unreadable.
    let decode (text: string) : Counters =
        MgcpList.split ',' MaxParameters text |> Array.fold take Counters.none

    /// Writes the counters as the value of a `P:` line, each limited to the range from 0 to 999,999,999.
    let encode (counters: Counters) : string =
        let given (key: string) (value: int64 voption) =
            match value with
            | ValueSome value -> [ $"{key}={min Saturated (max 0L value)}" ]
            | ValueNone -> []

        [ yield! given "PS" counters.PacketsSent
          yield! given "OS" counters.OctetsSent
          yield! given "PR" counters.PacketsReceived
          yield! given "OR" counters.OctetsReceived
          yield! given "PL" counters.PacketsLost
          yield! given "JI" counters.JitterMs
          yield! given "LA" counters.LatencyMs ]
        |> String.concat ", "

/// Lists in parameter lines.
module MgcpLists =
    /// No endpoint has more connections than this; a longer list is refused.
    [<Literal>]
    let MaxConnections = 1000

    /// The ids in all `I:` lines. Each line has one id or several, separated by commas; an empty line means no connection
    /// (RFC 3435 §3.2.2.5, appendix A). `ValueNone` if there is no `I:` line, or more ids than `MaxConnections`.
    let connectionIds (parameters: MgcpParameter[]) : string[] voption =
        match MgcpParameter.all "I" parameters with
        | [||] -> ValueNone
        | lines ->
            let ids = ResizeArray<string>()

            for line in lines do
                if ids.Count <= MaxConnections then
                    ids.AddRange(MgcpList.split ',' (MaxConnections + 1) line)

            if ids.Count > MaxConnections then ValueNone else ValueSome(ids.ToArray())

    /// The package names of all `PL:` lines, in upper case and without versions (RFC 3435 §3.2.2.21).
    let packages (parameters: MgcpParameter[]) : string[] =
        MgcpParameter.all "PL" parameters
        |> Array.truncate 16
        |> Array.collect (MgcpList.split ',' 64)
        |> Array.map (fun piece ->
            let struct (name, _) = MgcpList.pair ':' piece
            name.ToUpperInvariant())

    /// Reads the value of a `K:` line: the transactions whose responses have arrived, as ranges (RFC 3435 §3.2.2.2). Leaves out
    /// unreadable ranges.
    let acknowledged (text: string) : struct (int * int)[] =
        MgcpList.split ',' 64 text
        |> Array.choose (fun piece ->
            let struct (low, high) = MgcpList.pair '-' piece

            match MgcpList.tryNumber low, MgcpList.tryNumber high with
            | ValueSome low, ValueSome high when low <= high -> Some(struct (low, high))
            | ValueSome low, ValueNone when high = "" -> Some(struct (low, low))
            | _ -> None)

    /// Writes the transactions as the value of a `K:` line. Consecutive ones are joined into ranges.
    let acknowledge (transactions: int seq) : string =
        let sorted = transactions |> Seq.distinct |> Seq.sort |> Seq.toArray
        let pieces = ResizeArray<string>()
        let mutable start = 0

        for index in 0 .. sorted.Length - 1 do
            if index = sorted.Length - 1 || sorted[index + 1] <> sorted[index] + 1 then
                pieces.Add(
                    if start = index then
                        string sorted[start]
                    else
                        $"{sorted[start]}-{sorted[index]}"
                )

                start <- index + 1

        String.Join(", ", pieces)
