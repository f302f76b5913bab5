namespace CallServer.Gateway

open System
open System.Globalization
open CallServer.Wire

/// The Bulk Audit package (RFC 3624): reports the states of many endpoints in one answer, and where the next answer begins. This
/// gateway does not support the typed states of BA/S (804).
module internal BulkAudit =
    let private put = MgcpParameter.create

    /// Consecutive endpoints that differ only in the last term. `Prefix` holds the terms before it, `First` and `Last` its
    /// numbers.
    type private Run = { Prefix: string; First: int; Last: int; Places: int list }

    let private split (name: string) : struct (string * int) =
        let slash = name.LastIndexOf '/'
        struct (name.Substring(0, slash), Int32.Parse(name.Substring(slash + 1), CultureInfo.InvariantCulture))

    let private runs (names: string[]) (places: int[]) : Run list =
        let extend (done': Run list) place =
            let struct (prefix, number) = split names[place]

            match done' with
            | run :: rest when run.Prefix = prefix && run.Last + 1 = number ->
                { run with Last = number; Places = place :: run.Places } :: rest
            | _ -> { Prefix = prefix; First = number; Last = number; Places = [ place ] } :: done'

        places
        |> Array.fold extend []
        |> List.map (fun run -> { run with Places = List.rev run.Places })
        |> List.rev

    let private range (first: int) (last: int) : string =
        if first = last then string first else $"[{first}-{last}]"

    let private nameOf (run: Run) : string = run.Prefix + "/" + range run.First run.Last

    /// The names of endpoints with ranges in two terms. Consecutive whole DS1s become one name.
    let private ranged (runs: Run list) : string list =
        let isWhole (run: Run) =
            run.First = 1 && run.Last = 24 && run.Prefix.StartsWith("ds/ds1-", StringComparison.Ordinal)

        let unit (run: Run) = Int32.Parse(run.Prefix.Substring 7, CultureInfo.InvariantCulture)

        let rec go (runs: Run list) (names: string list) =
            match runs with
            | [] -> List.rev names
            | run :: rest when isWhole run ->
                let following =
                    rest
                    |> List.indexed
                    |> List.takeWhile (fun (at, next) -> isWhole next && unit next = unit run + at + 1)

                let name = $"ds/ds1-{range (unit run) (unit run + following.Length)}/[1-24]"
                go (List.skip following.Length rest) (name :: names)
            | run :: rest -> go rest (nameOf run :: names)

        go runs []

    /// BA/C: one hexadecimal digit, or Z for more than 15.
    let private count (sight: MgcpSight) (place: int) : string =
        let vices = sight.Options.Vices

        match sight.Wiring.On[place].Length with
        | 0 when Words.isNth vices.InventsEvery place -> "1"
        | many when many > 0 && Words.isNth vices.HidesEvery place -> "0"
        | many when many > 15 -> "Z"
        | many -> many.ToString "X"

    /// BA/M: 0, the letter of one mode, or a count and that many letters.
    let private modes (sight: MgcpSight) (place: int) : string =
        match sight.Wiring.On[place] with
        | [] -> "0"
        | [ only ] -> string (MgcpView.modeLetter only)
        | several ->
            let letters =
                several |> List.truncate 15 |> List.map (MgcpView.modeLetter >> string) |> String.concat ""

            letters.Length.ToString "X" + letters

    /// The requested states, run by run. All names come first if the gateway has that vice.
    let private reports (sight: MgcpSight) (asked: string list) (runs: Run list) : MgcpParameter list =
        let states (code: string) (places: int list) =
            let tell = if code = "BA/C" then count sight else modes sight
            put code (places |> List.map tell |> String.concat "")

        if sight.Options.Vices.JoinedBulk then
            put "BA/EL" (runs |> List.map nameOf |> String.concat ", ")
            :: [ for code in asked -> states code (runs |> List.collect _.Places) ]
        else
            [ for run in runs do
                  yield put "BA/EL" (nameOf run)

                  for code in asked do
                      yield states code run.Places ]

    /// Where the page begins in the list of places, and how many endpoints it may have.
    let private page
        (sight: MgcpSight)
        (command: MgcpCommand)
        (places: int[])
        : Result<struct (int * int), MgcpAnswer> =
        let limit =
            match MgcpParameter.tryFind "BA/NU" command.Parameters with
            | ValueNone -> Ok sight.Options.BulkPage
            | ValueSome text ->
                match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
                | true, number when number >= 1 && number <= 65535 -> Ok(min number sight.Options.BulkPage)
                | _ -> Error(MgcpAnswer.bulkError 805 "number of endpoints out of range")

        let start =
            match MgcpParameter.tryFind "BA/SE" command.Parameters with
            | ValueNone -> Ok 0
            | ValueSome name ->
                match sight.Wiring.Circuits.Places.TryGetValue name with
                | true, place when Array.contains place places -> Ok(Array.IndexOf(places, place))
                | true, _ -> Error(MgcpAnswer.bulkError 801 "start endpoint out of range")
                | _ -> Error(MgcpAnswer.bulkError 806 "start endpoint unknown")

        match limit, start with
        | Ok limit, Ok start -> Ok(struct (start, limit))
        | Error answer, _
        | _, Error answer -> Error answer

    let private states
        (sight: MgcpSight)
        (command: MgcpCommand)
        (asked: string list)
        (places: int[])
        : MgcpAnswer =
        match page sight command places with
        | Error answer -> answer
        | Ok(struct (start, limit)) ->
            let names = sight.Wiring.Circuits.Names
            let shown = places |> Array.skip start |> Array.truncate limit
            let next = start + shown.Length

            [ yield! reports sight asked (runs names shown)

              if sight.Options.Vices.LoopingBulk then
                  yield put "BA/NE" names[places[start]]
              elif next < places.Length then
                  yield put "BA/NE" names[places[next]] ]
            |> MgcpAnswer.create 200

    /// The code as `BA/C`, even if the call agent wrote only `C`.
    let private code (word: string) : string =
        if word.StartsWith("BA/", StringComparison.Ordinal) then word else "BA/" + word

    let answer (sight: MgcpSight) (command: MgcpCommand) : MgcpAnswer =
        let asked = MgcpNames.requested "BA/F" command.Parameters |> List.map code |> List.distinct
        let isNames code = code = "BA/Z" || code = "BA/X"
        let isState code = code = "BA/C" || code = "BA/M"

        match MgcpNames.matching sight command.Endpoint with
        | [||] -> MgcpAnswer.error 500
        | _ when asked.IsEmpty -> MgcpAnswer.create 200 []
        | _ when asked |> List.exists (fun code -> code.StartsWith("BA/S", StringComparison.Ordinal)) ->
            MgcpAnswer.bulkError 804 "unsupported state type"
        | places when List.forall isNames asked ->
            let names = ranged (runs sight.Wiring.Circuits.Names places)

            [ for code in asked do
                  for name in names do
                      yield put code name ]
            |> MgcpAnswer.create 200
        | places when List.forall isState asked -> states sight command asked places
        | _ -> MgcpAnswer.bulkError 802 "bad bulk request info"
