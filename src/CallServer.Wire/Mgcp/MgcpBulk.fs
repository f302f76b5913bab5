namespace CallServer.Wire

open System
open System.Text
open CallServer.Prelude

/// Why a bulk audit's answer cannot be used.
type BulkProblem =
    /// A name with brackets that are not closed, or with something in brackets that is not a range.
    | BadRange
    /// More endpoints than the caller allowed.
    | TooManyEndpoints
    /// The number of endpoint names differs from the number of states.
    | Uneven of endpoints: int * states: int
    /// A letter that stands for no state.
    | BadState of letter: char

/// What is wrong, and at which character of the value, counted from 0.
type BulkError =
    { Offset: int
      Problem: BulkProblem }

    override this.ToString() =
        match this.Problem with
        | BadRange -> $"a range of endpoints that cannot be read at character {this.Offset}"
        | TooManyEndpoints -> "more endpoints than a gateway has"
        | Uneven(endpoints, states) -> $"{endpoints} endpoints are reported with {states} states"
        | BadState letter -> $"'{letter}' at character {this.Offset} is no state"

/// Values of the Bulk Audit package (RFC 3624): local names with ranges such as `ds/ds1-[1-3]/[1-24]`, and
/// strings with one state per endpoint.
module MgcpBulk =
    /// The package's name, as `PL:` lists it.
    [<Literal>]
    let Package = "BA"

    /// One part of a ranged name.
    type private Part =
        | Literally of string
        | OneOf of struct (int * int * int)[]

    /// `1-24` or `7`: from, to, and the number of digits they are written with.
    let private tryRange (text: string) : struct (int * int * int) voption =
        let struct (low, high) = MgcpList.pair '-' text

        let width = if low.Length > 1 && low[0] = '0' then low.Length else 1

        match MgcpList.tryNumber low, MgcpList.tryNumber high with
        | ValueSome first, ValueSome last when first <= last -> ValueSome(struct (first, last, width))
        | ValueSome only, ValueNone when high = "" -> ValueSome(struct (only, only, width))
        | _ -> ValueNone

    /// The most ranges in one pair of brackets, and the most brackets in one name. Real names have at most two of each.
    [<Literal>]
    let private MaxRanges = 64

    let private partsOf (name: string) : Result<Part list, BulkError> =
        let rec go at parts =
            if at = name.Length then
                Ok(List.rev parts)
            elif List.length parts > MaxRanges then
                Error { Offset = at; Problem = BadRange }
            else
                match name.IndexOf('[', at) with
                | -1 -> Ok(List.rev (Literally(name.Substring at) :: parts))
                | bracket when bracket > at ->
                    go bracket (Literally(name.Substring(at, bracket - at)) :: parts)
                | bracket ->
                    match name.IndexOf(']', bracket) with
                    | -1 -> Error { Offset = bracket; Problem = BadRange }
                    | close ->
                        let inside = name.Substring(bracket + 1, close - bracket - 1)
                        let ranges = MgcpList.split ',' MaxRanges inside |> Array.map tryRange

                        if ranges.Length = 0 || Array.exists ValueOption.isNone ranges then
                            Error { Offset = bracket; Problem = BadRange }
                        else
                            go (close + 1) (OneOf(Array.map ValueOption.get ranges) :: parts)

        go 0 []

    let private sizeOf (part: Part) : int64 =
        match part with
        | Literally _ -> 1L
        | OneOf ranges -> ranges |> Array.sumBy (fun struct (first, last, _) -> int64 last - int64 first + 1L)

    let private choices (part: Part) : string seq =
        match part with
        | Literally text -> Seq.singleton text
        | OneOf ranges ->
            seq {
                for struct (first, last, width) in ranges do
                    for number in first..last do
                        number.ToString().PadLeft(width, '0')
            }

    /// Every local name that a ranged name stands for; the last range runs fastest. An error if there are more names than
    /// `limit`.
    let expand (limit: int) (name: string) : Result<string[], BulkError> =
        result {
            let! parts = partsOf name

            let size =
                (1L, parts)
                ||> List.fold (fun size part ->
                    if size > int64 limit then size else size * min (sizeOf part) (int64 limit + 1L))

            if size > int64 limit then
                return! Error { Offset = 0; Problem = TooManyEndpoints }
            else
                return
                    (Seq.singleton "", parts)
                    ||> List.fold (fun names part ->
                        seq {
                            for name in names do
                                for choice in choices part do
                                    name + choice
                        })
                    |> Seq.toArray
        }

    /// A datagram has no room for more names than this.
    [<Literal>]
    let private MaxNames = 20_000

    /// The ranged names of all lines with this code, such as BA/Z, BA/X or BA/EL, in order. One line may hold
    /// several, and may even repeat the code before each, as RFC 3624's own example does.
    let names (code: string) (parameters: MgcpParameter[]) : string[] =
        MgcpParameter.all code parameters
        |> Array.collect (MgcpList.split ',' MaxNames)
        |> Array.map (fun piece ->
            let struct (first, rest) = MgcpList.pair ':' piece

            if String.Equals(first, code, StringComparison.OrdinalIgnoreCase) then
                rest
            else
                piece)

    /// All names that the lines with this code stand for. An error if there are more than `limit`.
    let expandAll (limit: int) (code: string) (parameters: MgcpParameter[]) : Result<string[], BulkError> =
        let found = ResizeArray<string>()

        let rec go index (names: string[]) =
            if index = names.Length then
                Ok(found.ToArray())
            else
                match expand (limit - found.Count) names[index] with
                | Ok expanded ->
                    found.AddRange expanded
                    go (index + 1) names
                | Error error -> Error error

        go 0 (names code parameters)

    /// The letters of all lines with this state code, joined without blanks.
    let private letters (code: string) (parameters: MgcpParameter[]) : string =
        let text = StringBuilder()

        for value in MgcpParameter.all code parameters do
            for letter in value do
                if not (Char.IsWhiteSpace letter) then
                    text.Append letter |> ignore

        text.ToString()

    let private together (limit: int) (states: 'S[]) (parameters: MgcpParameter[]) =
        expandAll limit "BA/EL" parameters
        |> Result.bind (fun names ->
            if names.Length = states.Length then
                Ok(Array.map2 (fun name state -> struct (name, state)) names states)
            else
                Error { Offset = 0; Problem = Uneven(names.Length, states.Length) })

    /// BA/C: how many connections each endpoint has; 16 means more than 15 (`Z`). The names in BA/EL and the counts in BA/C
    /// correspond by position, however they are spread over lines. An error if there are more names than counts, or fewer.
    let counts (limit: int) (parameters: MgcpParameter[]) : Result<struct (string * int)[], BulkError> =
        let letters = letters "BA/C" parameters

        let bad = Seq.tryFindIndex (fun c -> not (Char.IsAsciiHexDigit c || c = 'Z' || c = 'z')) letters

        match bad with
        | Some at -> Error { Offset = at; Problem = BadState letters[at] }
        | None ->
            let count letter = if letter = 'Z' || letter = 'z' then 16 else Convert.ToInt32(string letter, 16)

            together limit (letters.ToCharArray() |> Array.map count) parameters

    /// The letter of a connection's mode, or `U` if it is unknown (RFC 3624 §2.1.1).
    let private isMode (letter: char) = "ISRBCLTNU".Contains(Char.ToUpperInvariant letter)

    /// BA/M: the modes of each endpoint's connections, one letter per connection. On the wire: `0` for none,
    /// a letter for one, otherwise a count and that many letters.
    let modes (limit: int) (parameters: MgcpParameter[]) : Result<struct (string * string)[], BulkError> =
        let letters = letters "BA/M" parameters
        let found = ResizeArray<string>()

        let rec go at =
            if at = letters.Length then
                ValueNone
            elif letters[at] = '0' then
                found.Add ""
                go (at + 1)
            elif isMode letters[at] then
                found.Add(string (Char.ToUpperInvariant letters[at]))
                go (at + 1)
            elif Char.IsAsciiHexDigit letters[at] then
                let count = Convert.ToInt32(string letters[at], 16)

                if at + count < letters.Length && Seq.forall isMode (letters.Substring(at + 1, count)) then
                    found.Add(letters.Substring(at + 1, count).ToUpperInvariant())
                    go (at + 1 + count)
                else
                    ValueSome at
            else
                ValueSome at

        match go 0 with
        | ValueSome at -> Error { Offset = at; Problem = BadState letters[at] }
        | ValueNone -> together limit (found.ToArray()) parameters

    /// BA/S: one letter per endpoint: `T` true, `F` false, `O` out of service.
    let states (limit: int) (parameters: MgcpParameter[]) : Result<struct (string * char)[], BulkError> =
        let letters = (letters "BA/S" parameters).ToUpperInvariant()

        match Seq.tryFindIndex (fun c -> c <> 'T' && c <> 'F' && c <> 'O') letters with
        | Some at -> Error { Offset = at; Problem = BadState letters[at] }
        | None -> together limit (letters.ToCharArray()) parameters

    /// Where the next bulk audit begins (its BA/SE); `ValueNone` if this answer was the last.
    let next (parameters: MgcpParameter[]) : string voption =
        match MgcpParameter.tryFind "BA/NE" parameters with
        | ValueSome "" -> ValueNone
        | next -> next
