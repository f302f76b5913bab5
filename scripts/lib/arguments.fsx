// The command lines of the scripts.

open System

/// The words after a script's name.
type Arguments =
    { Options: Map<string, string>
      Switches: Set<string>
      Rest: string list }

    /// An option's value as this reads it, or the usual value.
    member this.Get(name: string, usual: 'T, read: string -> 'T) : 'T =
        match Map.tryFind name this.Options with
        | Some text -> read text
        | None -> usual

/// Ends the script with exit status 64, as callserver does for a wrong command line.
let refuse (mistake: string) : 'T =
    eprintfn $"{mistake}; the word help shows how the script is called"
    exit 64

/// Reads options that take a value, switches that take none, and whatever else there is. The word `help` prints the
/// usage: `--help` prints that of fsi.
let readArguments (usage: string) (options: string list) (switches: string list) : Arguments =
    let rec read found words =
        match words with
        | [] -> { found with Rest = List.rev found.Rest }
        | "help" :: _ ->
            printfn $"{usage}"
            exit 0
        | name :: value :: more when List.contains name options ->
            read { found with Options = Map.add name value found.Options } more
        | name :: _ when List.contains name options -> refuse $"{name} needs a value"
        | name :: more when List.contains name switches ->
            read { found with Switches = Set.add name found.Switches } more
        | name :: _ when name.StartsWith("--", StringComparison.Ordinal) ->
            refuse $"there is no option {name}"
        | word :: more -> read { found with Rest = word :: found.Rest } more

    fsi.CommandLineArgs
    |> List.ofArray
    |> List.tail
    |> read { Options = Map.empty; Switches = Set.empty; Rest = [] }

/// A number within these bounds, both included.
let number (name: string) (least: float) (most: float) (text: string) : float =
    match
        Double.TryParse(text, Globalization.NumberStyles.Float, Globalization.CultureInfo.InvariantCulture)
    with
    | true, number when number >= least && number <= most -> number
    | _ -> refuse $"{name}: '{text}' is no number from {least} to {most}"

/// A whole number within these bounds, both included.
let count (name: string) (least: int) (most: int) (text: string) : int =
    match Int32.TryParse text with
    | true, number when number >= least && number <= most -> number
    | _ -> refuse $"{name}: '{text}' is no whole number from {least} to {most}"

/// The text with characters escaped that move a cursor or cannot be seen: gateways and callers choose texts.
let printable (text: string) : string =
    text
    |> String.collect (fun c ->
        match Char.GetUnicodeCategory c with
        | Globalization.UnicodeCategory.Control
        | Globalization.UnicodeCategory.Format
        | Globalization.UnicodeCategory.LineSeparator
        | Globalization.UnicodeCategory.ParagraphSeparator -> $"\\u{int c:x4}"
        | _ -> string c)
