namespace CallServer.Surface

open System
open System.Globalization
open System.Net
open System.Text

/// How a text is shown of which a person's number is hidden.
module internal HiddenNumbers =
    let private isDigit (rune: Rune) = Rune.GetUnicodeCategory rune = UnicodeCategory.DecimalDigitNumber

    let private written (runes: Rune[]) = runes |> Array.map string |> String.concat ""

    /// `…` and the last digits in place of everything from the first digit to the last. Four digits at most are shown,
    /// and never more than half of them: a short number is not given away whole.
    let private hidden (text: string) =
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
    let private host (text: string) =
        let isHost = text |> Seq.exists (fun c -> Char.IsLetter c || c = '.' || c = '[')

        if isHost then text else hidden text

    /// A host, and parameters or headers after it, which may name a person.
    let private hostAndRest (text: string) =
        match text.IndexOfAny [| ';'; '?'; ' '; ',' |] with
        | -1 -> host text
        | at -> host text[.. at - 1] + hidden text[at..]

    /// ADDRESS:PORT, where media go.
    let private isMediaAddress (text: string) =
        let colon = text.LastIndexOf ':'

        colon > 0
        && colon < text.Length - 1
        && text[colon + 1 ..] |> Seq.forall Char.IsAsciiDigit
        && text.Length - colon <= 6
        && (text[0] = '[' || (text |> Seq.filter ((=) '.') |> Seq.length) = 3)
        && fst (IPAddress.TryParse(text[.. colon - 1].Trim('[', ']')))

    let private schemes = [| "sip:"; "sips:" |]

    /// The text with its number hidden; null for null. What stands before the last `@` is a person; what stands after it is
    /// a host.
    let last4 (text: string) : string =
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

    /// The text as a reader sees it from whom numbers may be hidden.
    let shown (hides: bool) (text: string voption) : string voption =
        if hides then ValueOption.map last4 text else text
