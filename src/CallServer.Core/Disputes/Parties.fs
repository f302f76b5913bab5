namespace CallServer.Disputes

open System
open System.Net

/// A party's telephone number as far as two operators tell it alike: its last seven digits. Prefixes differ between them
/// (`+41 79 …`, `0041 79 …`, `079 …`). No number if there are fewer digits, or if the text is no telephone number.
[<Struct>]
type PartyNumber =
    {
        /// 0 to 9,999,999; -1 if there is no number.
        Tail: int
    }

    member this.IsTold = this.Tail >= 0

/// Reads numbers out of what gateways and CDRs write for a party.
module PartyNumber =
    /// How many digits have to agree.
    let digits = 7

    /// Nobody told a number.
    let untold: PartyNumber = { Tail = -1 }

    /// The user's part of an address, such as of `"Ann" <sip:+41791234567@example.net;user=phone>`.
    let private user (text: string) =
        let text =
            match text.IndexOf '<', text.IndexOf '>' with
            | first, last when first >= 0 && last > first -> text[first + 1 .. last - 1]
            | _ -> text

        // A CSV for spreadsheets has an apostrophe before a plus.
        let text = text.Trim().TrimStart '\''

        let text =
            match text.IndexOf ':' with
            | colon when colon > 0 && text.AsSpan(0, colon).ContainsAnyExceptInRange('A', 'z') |> not ->
                text[colon + 1 ..]
            | _ -> text

        match text.IndexOfAny [| '@'; ';'; '?' |] with
        | -1 -> text
        | cut -> text[.. cut - 1]

    let private isAddress (text: string) = text.AsSpan().Count '.' = 3 && fst (IPAddress.TryParse text)

    /// The number in a text; `untold` for null, names, device words, addresses and hidden numbers.
    let ofText (text: string) : PartyNumber =
        if String.IsNullOrEmpty text then
            untold
        else
            let text = user text
            let mutable seen = 0
            let mutable tail = 0
            let mutable isNumber = true

            for c in text do
                if Char.IsAsciiDigit c then
                    seen <- seen + 1
                    tail <- (tail * 10 + int c - int '0') % 10_000_000
                elif not (c = '+' || c = '-' || c = '.' || c = ' ' || c = '(' || c = ')') then
                    isNumber <- false

            if isNumber && seen >= digits && not (isAddress text) then
                { Tail = tail }
            else
                untold

/// Who talks to whom, as one side tells it.
[<Struct>]
type Parties =
    { Caller: PartyNumber
      Called: PartyNumber }

    member this.AreTold = this.Caller.IsTold && this.Called.IsTold

/// When numbers speak against it that a connection is the call that a partner claims.
type NumberTrust =
    /// All four numbers are told, and none is on both sides. One of the two parties may be written otherwise, such as a
    /// caller whose number was replaced.
    | OneAgrees
    /// The partner tells both numbers, the gateway one or both, and none is on both sides.
    | ToldAgrees
    /// Never.
    | NeverTrusted

/// Compares the parties of a claim with those of a connection.
module Parties =
    let private has (number: PartyNumber) (parties: Parties) =
        number.IsTold && (number = parties.Caller || number = parties.Called)

    /// How many of the first one's numbers the other one has: 0 to 2. A call between two numbers that end alike counts
    /// once.
    let agreeing (a: Parties) (b: Parties) : int =
        let caller = has a.Caller b
        let called = has a.Called b && (a.Called <> a.Caller || not caller || b.Caller = b.Called)
        (if caller then 1 else 0) + (if called then 1 else 0)

    /// Whether a connection with these parties speaks for no claim with two numbers, and so cannot be ruled out.
    let isWild (trust: NumberTrust) (connection: Parties) : bool =
        match trust with
        | OneAgrees -> not connection.AreTold
        | ToldAgrees -> not connection.Caller.IsTold && not connection.Called.IsTold
        | NeverTrusted -> true

    /// Whether the numbers rule out that the connection is the claimed call.
    let contradict (trust: NumberTrust) (claim: Parties) (connection: Parties) : bool =
        claim.AreTold && not (isWild trust connection) && agreeing connection claim = 0
