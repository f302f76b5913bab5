namespace CallServer.Disputes

open System
open System.Globalization
open CallServer.Prelude

/// What a call costs: an amount for each unit of time, and in which steps time is counted.
type Rate =
    {
        /// At least 0.
        Amount: decimal
        /// The seconds that the amount is for: 1, 60 or 3600.
        Per: int64
        /// The seconds that are counted at least, above 0.
        First: int64
        /// The seconds to which what comes after them is rounded up, above 0.
        Next: int64
        /// Such as `EUR`; empty if it was not given.
        Currency: string
    }

/// Reads rates and counts what calls cost, without rounding.
module Rate =
    /// What a rate looks like, in words for messages.
    let expected =
        "AMOUNT[ CURRENCY]/s|min|h[:FIRST/NEXT], such as 0.012/min, or '0.012 EUR/min:60/60' in seconds"

    let private seconds (text: string) : int64 option =
        match Int64.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, seconds when seconds > 0L && seconds <= 86_400L -> Some seconds
        | _ -> None

    let private steps (text: string) : (int64 * int64) option =
        match text.Split '/' with
        | [| first; next |] -> Option.map2 (fun first next -> first, next) (seconds first) (seconds next)
        | _ -> None

    let private unit (text: string) : int64 option =
        match text with
        | "s" -> Some 1L
        | "min" -> Some 60L
        | "h" -> Some 3600L
        | _ -> None

    let private amount (text: string) : (decimal * string) option =
        let digits = text |> Seq.takeWhile (fun c -> Char.IsAsciiDigit c || c = '.') |> Seq.length

        match
            Decimal.TryParse(
                text[.. digits - 1],
                NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture
            )
        with
        | true, amount when amount <= 1_000_000m -> Some(amount, text[digits..].Trim())
        | _ -> None

    /// From a text such as `0.012 EUR/min:60/60`; `None` if it is none. Without steps every second counts.
    let tryParse (text: string) : Rate option =
        let price, counted =
            match text.IndexOf ':' with
            | -1 -> text, Some(1L, 1L)
            | colon -> text[.. colon - 1], steps text[colon + 1 ..]

        match price.LastIndexOf '/' with
        | -1 -> None
        | slash ->
            match amount (price[.. slash - 1].Trim()), unit price[slash + 1 ..], counted with
            | Some(amount, currency), Some per, Some(first, next) when
                not (currency |> Seq.exists (fun c -> Char.IsDigit c || c = '/'))
                ->
                Some { Amount = amount; Per = per; First = first; Next = next; Currency = currency }
            | _ -> None

    /// The seconds that are counted for a call of this length: none for one of no length.
    let counted (rate: Rate) (lasted: TimeSpan) : int64 =
        let seconds = int64 (Math.Ceiling lasted.TotalSeconds)

        if seconds <= 0L then
            0L
        elif seconds <= rate.First then
            rate.First
        else
            rate.First + (seconds - rate.First + rate.Next - 1L) / rate.Next * rate.Next

    /// What that many counted seconds cost, without zeros at its end.
    let price (rate: Rate) (counted: int64) : decimal =
        rate.Amount * decimal counted / decimal rate.Per / 1.0000000000000000000000000000m
