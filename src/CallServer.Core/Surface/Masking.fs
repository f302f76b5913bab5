namespace CallServer.Surface

open System
open System.Globalization
open System.Net
open System.Text

/// Hides most of a person's number, and shows the same number always in the same way. Names and device words keep their
/// letters; ids stay as they are, because the record is found by them.
[<AbstractClass; Sealed>]
type NumberMask private () =
    static let isDigit (rune: Rune) = Rune.GetUnicodeCategory rune = UnicodeCategory.DecimalDigitNumber

    static let written (runes: Rune[]) = runes |> Array.map string |> String.concat ""

    /// `…` and the last digits in place of everything from the first digit to the last. Four digits at most are shown,
    /// and never more than half of them: a short number is not given away whole.
    static let hidden (text: string) =
        let runes = [| for rune in text.EnumerateRunes() -> rune |]

        match Array.tryFindIndex isDigit runes with
        | None -> text
        | Some first ->
            let digits = runes |> Array.filter isDigit
            let shown = digits[digits.Length - min 4 (digits.Length / 2) ..]
            let last = Array.findIndexBack isDigit runes
            let before = if first > 0 && runes[first - 1] = Rune '+' then first - 1 else first
            written runes[.. before - 1] + "…" + written shown + written runes[last + 1 ..]

    /// A host is no person, but a number in a host's place is.
    static let host (text: string) =
        let isHost = text |> Seq.exists (fun c -> Char.IsLetter c || c = '.' || c = '[')

        if isHost then text else hidden text

    /// A host, and parameters or headers after it, which may name a person.
    static let hostAndRest (text: string) =
        match text.IndexOfAny [| ';'; '?'; ' '; ',' |] with
        | -1 -> host text
        | at -> host text[.. at - 1] + hidden text[at..]

    /// ADDRESS:PORT, where media go.
    static let isMediaAddress (text: string) =
        let colon = text.LastIndexOf ':'

        colon > 0
        && colon < text.Length - 1
        && text[colon + 1 ..] |> Seq.forall Char.IsAsciiDigit
        && text.Length - colon <= 6
        && (text[0] = '[' || (text |> Seq.filter ((=) '.') |> Seq.length) = 3)
        && fst (IPAddress.TryParse(text[.. colon - 1].Trim('[', ']')))

    static let schemes = [| "sip:"; "sips:" |]

    /// The text with its number hidden; null for null. What stands before the last `@` is a person; what stands after it is
    /// a host.
    static member Last4(text: string) : string =
        if isNull text || isMediaAddress text then
            text
        else
            match text.LastIndexOf '@' with
            | -1 ->
                let scheme =
                    schemes
                    |> Array.tryFind (fun scheme ->
                        text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))

                match scheme with
                | Some scheme -> text[.. scheme.Length - 1] + hostAndRest text[scheme.Length ..]
                | None -> hidden text
            | at -> hidden text[.. at - 1] + "@" + hostAndRest text[at + 1 ..]

    /// A connection with the numbers of its parties hidden.
    static member Last4(view: ConnectionView) : ConnectionView =
        { view with
            Originator = NumberMask.Last4 view.Originator
            Remote = NumberMask.Last4 view.Remote }

    /// A call and its legs with the numbers of their parties hidden.
    static member Last4(view: CallDetailView) : CallDetailView =
        { view with
            Originator = NumberMask.Last4 view.Originator
            Legs = [| for leg in view.Legs -> NumberMask.Last4 leg |] }

    /// A fact that changed, with the number hidden if it is one of a party.
    static member Last4(change: FactChange) : FactChange =
        match change.Fact with
        | "originator"
        | "remote" ->
            { change with
                Before = NumberMask.Last4 change.Before
                After = NumberMask.Last4 change.After }
        | _ -> change

    /// A count of an originator with its number hidden.
    static member Last4(count: CountView) : CountView = { count with Key = NumberMask.Last4 count.Key }

    /// A call with the number of its originator hidden.
    static member Last4(view: CallView) : CallView =
        { view with Originator = NumberMask.Last4 view.Originator }
