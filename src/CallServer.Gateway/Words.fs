namespace CallServer.Gateway

open System
open System.Globalization

/// The word for one vice, such as `mute-after=N`. `Range` is the range of N, or `ValueNone` if the word takes no value; `Set`
/// adds the vice.
[<NoComparison; NoEquality>]
type internal Word<'Vices> = { Name: string; Range: struct (int * int) voption; Set: int -> 'Vices -> 'Vices }

/// Reads vices from the command line.
module internal Words =
    /// Whether a fault that comes every so many times comes at this one, counted from 0; never without a number.
    let isNth (every: int voption) (number: int) : bool =
        every.IsSome && number % every.Value = every.Value - 1

    let flag (name: string) (set: 'Vices -> 'Vices) : Word<'Vices> =
        { Name = name; Range = ValueNone; Set = fun _ vices -> set vices }

    /// A word that takes a whole number from this range.
    let ranged (name: string) (least: int) (most: int) (set: int -> 'Vices -> 'Vices) : Word<'Vices> =
        { Name = name; Range = ValueSome(struct (least, most)); Set = set }

    /// A word that takes a whole number, at least this one.
    let number (name: string) (least: int) (set: int -> 'Vices -> 'Vices) : Word<'Vices> =
        ranged name least Int32.MaxValue set

    /// The words as the help lists them.
    let known (words: Word<'Vices> list) : string list =
        words |> List.map (fun word -> if word.Range.IsSome then $"{word.Name}=N" else word.Name)

    let private read (least: int) (most: int) (text: string) : int voption =
        match Int32.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
        | true, value when value >= least && value <= most -> ValueSome value
        | _ -> ValueNone

    let private span (least: int) (most: int) : string =
        if least = Int32.MinValue then ""
        elif most = Int32.MaxValue then $" from {least} on"
        else $" from {least} to {most}"

    /// Adds the vice that this word names. An error describes the mistake; `noun` is what its message calls a vice.
    let addAs
        (noun: string)
        (words: Word<'Vices> list)
        (text: string)
        (vices: 'Vices)
        : Result<'Vices, string> =
        let parts = text.Split('=', 2)
        let name = parts[0]
        let value = if parts.Length = 2 then ValueSome parts[1] else ValueNone

        match words |> List.tryFind (fun word -> word.Name = name) with
        | None ->
            let all = known words |> String.concat ", "
            Error $"there is no {noun} '{name}'; known are {all}"
        | Some word ->
            match word.Range, value with
            | ValueNone, ValueNone -> Ok(word.Set 0 vices)
            | ValueNone, ValueSome _ -> Error $"the {noun} {name} takes no value"
            | ValueSome(struct (least, most)), value ->
                match value |> ValueOption.bind (read least most) with
                | ValueSome n -> Ok(word.Set n vices)
                | ValueNone -> Error $"the {noun} {name} takes a whole number{span least most}: {name}=N"

    let add (words: Word<'Vices> list) (text: string) (vices: 'Vices) : Result<'Vices, string> =
        addAs "vice" words text vices

    /// Adds all vices in order. The errors describe every mistake.
    let addAllAs
        (noun: string)
        (words: Word<'Vices> list)
        (texts: string list)
        (none: 'Vices)
        : Result<'Vices, string list> =
        let take (vices, mistakes) text =
            match addAs noun words text vices with
            | Ok more -> more, mistakes
            | Error mistake -> vices, mistakes @ [ mistake ]

        match List.fold take (none, []) texts with
        | vices, [] -> Ok vices
        | _, mistakes -> Error mistakes

    let addAll (words: Word<'Vices> list) (texts: string list) (none: 'Vices) : Result<'Vices, string list> =
        addAllAs "vice" words texts none
