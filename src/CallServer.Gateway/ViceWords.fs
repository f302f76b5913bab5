namespace CallServer.Gateway

open System
open System.Globalization

/// Vices by the words of the command line: `mute-after=200`.
module ViceWords =
    let private number (text: string) (least: int) : int voption =
        match Int32.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
        | true, value when value >= least -> ValueSome value
        | _ -> ValueNone

    let private milliseconds (value: int) = TimeSpan.FromMilliseconds(float value)

    /// genErr (RFC 3416).
    [<Literal>]
    let private GenErr = 5

    /// Name, the least value (none: it takes no value), and what it does.
    let private words: (string * int voption * (int -> Vices -> Vices)) list =
        [ "mute-after", ValueSome 0, (fun n vices -> { vices with AnswersOnly = ValueSome n })
          "max-varbinds", ValueSome 1, (fun n vices -> { vices with MaxVarBinds = ValueSome n })
          "silent-above", ValueSome 1, (fun n vices -> { vices with SilentAbove = ValueSome n })
          "cuts-rows", ValueNone, (fun _ vices -> { vices with CutsRows = true })
          "short-by-a-row", ValueNone, (fun _ vices -> { vices with ShortByARow = true })
          "bulk-skips-last-row", ValueNone, (fun _ vices -> { vices with BulkSkipsLastRow = true })
          "repeats-at", ValueSome 0, (fun n vices -> { vices with Looping = ValueSome(Repeats n) })
          "goes-back-at", ValueSome 0, (fun n vices -> { vices with Looping = ValueSome(GoesBack n) })
          "missing-cells", ValueSome 1, (fun n vices -> { vices with MissingCells = ValueSome n })
          "count-off-by", ValueSome Int32.MinValue, (fun n vices -> { vices with Counting = OffBy n })
          "ms-per-request", ValueSome 0, (fun n vices -> { vices with DelayPerRequest = milliseconds n })
          "ms-per-varbind", ValueSome 0, (fun n vices -> { vices with DelayPerVarBind = milliseconds n })
          "error-every",
          ValueSome 1,
          (fun n vices -> { vices with ErrorEvery = ValueSome(struct (n, GenErr)) })
          "wrong-request-ids", ValueNone, (fun _ vices -> { vices with WrongRequestIds = true })
          "renumbers-every", ValueSome 1, (fun n vices -> { vices with RenumbersEvery = ValueSome n })
          "odd-numbers", ValueNone, (fun _ vices -> { vices with OddNumbers = true }) ]

    /// As help lists them.
    let known: string list =
        words |> List.map (fun (name, least, _) -> if least.IsSome then $"{name}=N" else name)

    /// Adds the vice of that word; an error names the mistake.
    let add (word: string) (vices: Vices) : Result<Vices, string> =
        let parts = word.Split('=', 2)
        let name = parts[0]
        let value = if parts.Length = 2 then ValueSome parts[1] else ValueNone

        match words |> List.tryFind (fun (known, _, _) -> known = name), value with
        | None, _ ->
            let all = String.concat ", " known
            Error $"there is no vice '{name}'; known are {all}"
        | Some(_, ValueNone, set), ValueNone -> Ok(set 0 vices)
        | Some(_, ValueNone, _), ValueSome _ -> Error $"the vice {name} takes no value"
        | Some(_, ValueSome least, set), value ->
            match value |> ValueOption.bind (fun text -> number text least) with
            | ValueSome n -> Ok(set n vices)
            | ValueNone when least = Int32.MinValue -> Error $"the vice {name} takes a whole number: {name}=N"
            | ValueNone -> Error $"the vice {name} takes a whole number from {least} on: {name}=N"
