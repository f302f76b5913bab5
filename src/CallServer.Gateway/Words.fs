namespace CallServer.Gateway

open System
open System.Globalization

/// One vice's word, such as `mute-after=N`: the least N, or nothing where it takes no value, and what it does.
[<NoComparison; NoEquality>]
type internal Word<'Vices> = { Name: string; Least: int voption; Set: int -> 'Vices -> 'Vices }

/// Vices by the words of the command line.
module internal Words =
    let flag (name: string) (set: 'Vices -> 'Vices) : Word<'Vices> =
        { Name = name; Least = ValueNone; Set = fun _ vices -> set vices }

    /// With a whole number from least on.
    let number (name: string) (least: int) (set: int -> 'Vices -> 'Vices) : Word<'Vices> =
        { Name = name; Least = ValueSome least; Set = set }

    /// As help lists them.
    let known (words: Word<'Vices> list) : string list =
        words |> List.map (fun word -> if word.Least.IsSome then $"{word.Name}=N" else word.Name)

    let private read (least: int) (text: string) : int voption =
        match Int32.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
        | true, value when value >= least -> ValueSome value
        | _ -> ValueNone

    /// Adds the vice of that text; an error names the mistake.
    let add (words: Word<'Vices> list) (text: string) (vices: 'Vices) : Result<'Vices, string> =
        let parts = text.Split('=', 2)
        let name = parts[0]
        let value = if parts.Length = 2 then ValueSome parts[1] else ValueNone

        match words |> List.tryFind (fun word -> word.Name = name) with
        | None ->
            let all = known words |> String.concat ", "
            Error $"there is no vice '{name}'; known are {all}"
        | Some word ->
            match word.Least, value with
            | ValueNone, ValueNone -> Ok(word.Set 0 vices)
            | ValueNone, ValueSome _ -> Error $"the vice {name} takes no value"
            | ValueSome least, value ->
                match value |> ValueOption.bind (read least) with
                | ValueSome n -> Ok(word.Set n vices)
                | ValueNone when least = Int32.MinValue ->
                    Error $"the vice {name} takes a whole number: {name}=N"
                | ValueNone -> Error $"the vice {name} takes a whole number from {least} on: {name}=N"

    /// Adds one after the other; every mistake is named.
    let addAll (words: Word<'Vices> list) (texts: string list) (none: 'Vices) : Result<'Vices, string list> =
        let add (vices, mistakes) text =
            match add words text vices with
            | Ok more -> more, mistakes
            | Error mistake -> vices, mistakes @ [ mistake ]

        match List.fold add (none, []) texts with
        | vices, [] -> Ok vices
        | _, mistakes -> Error mistakes
