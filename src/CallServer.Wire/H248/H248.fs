namespace CallServer.Wire

open System
open System.Buffers.Text
open System.Text

/// A part of a message, in place.
[<Struct; NoEquality; NoComparison>]
type H248Part =
    { Octets: byte[]
      Start: int
      Stop: int }

    member this.Length = this.Stop - this.Start
    member this.Span = ReadOnlySpan(this.Octets, this.Start, this.Stop - this.Start)

    /// Its text, each octet as one ISO 8859-1 character.
    override this.ToString() = Encoding.Latin1.GetString this.Span

/// A context of a gateway (RFC 3525 §6.1.1), or what stands for several.
[<RequireQualifiedAccess>]
[<Struct>]
type H248Context =
    /// `-`: terminations that take part in no call.
    | Null
    /// `$`: one that the gateway is to choose.
    | Choose
    /// `*`: every context but the null context.
    | All
    | Numbered of number: uint32

    override this.ToString() =
        match this with
        | Null -> "-"
        | Choose -> "$"
        | All -> "*"
        | Numbered number -> string number

/// An error descriptor (RFC 3525 §7.1.19).
type H248Fault =
    {
        /// As H.248.8 numbers them.
        Code: int
        /// In the gateway's own words; may be empty.
        Text: string
    }

/// Why a message cannot be read.
[<RequireQualifiedAccess>]
type H248Problem =
    /// It does not begin with `MEGACO/` or `!/` and a version.
    | NotMegaco
    | NoSender
    /// Neither transactions nor an error.
    | NoBody
    /// A brace or a quotation mark that nothing closes, as in a message that was cut off on its way; or something that is no item.
    | Unclosed
    /// A transaction without a number from 1 to 4294967295.
    | BadTransaction
    | TooManyTransactions

/// What is wrong with a message, at which octet, counted from 0, and in which transaction; 0 if in none that can be named.
type H248Error =
    { Offset: int
      Problem: H248Problem
      Transaction: uint32 }

    override this.ToString() =
        let what =
            match this.Problem with
            | H248Problem.NotMegaco -> "no H.248 text"
            | H248Problem.NoSender -> "no sender"
            | H248Problem.NoBody -> "neither transactions nor an error"
            | H248Problem.Unclosed -> "a brace or a quotation mark that nothing closes"
            | H248Problem.BadTransaction -> "a transaction without a number"
            | H248Problem.TooManyTransactions -> "too many transactions"

        $"{what} at octet {this.Offset}"

/// The answer to a transaction, or one segment of it.
[<NoEquality; NoComparison>]
type H248Reply =
    {
        Transaction: uint32
        /// Counted from 1 (H.248.1 version 3); 0 if the answer is whole.
        Segment: int
        /// Whether this is the segment with the highest number.
        IsLast: bool
        /// The gateway wants this reply acknowledged at once (RFC 3525 §8.2.3, ImmAckRequired).
        WantsAcknowledgement: bool
        /// The whole transaction failed.
        Fault: H248Fault voption
        /// The replies of the contexts, for `H248Actions`.
        Actions: H248Part
    }

/// A transaction of a message (RFC 3525 §8.2).
[<RequireQualifiedAccess; NoEquality; NoComparison>]
type H248Transaction =
    | Request of number: uint32 * actions: H248Part
    | Reply of H248Reply
    /// The transaction is being carried out.
    | Pending of number: uint32
    /// Replies that arrived: numbers and ranges of them.
    | Acknowledgement of numbers: H248Part
    /// One segment of a reply arrived.
    | SegmentArrived of number: uint32 * segment: int * isLast: bool

[<RequireQualifiedAccess; NoEquality; NoComparison>]
type H248Body =
    /// The message before this one could not be understood, whatever it was.
    | Fault of H248Fault
    | Transactions of H248Transaction[]

/// A message (RFC 3525 §8.1, annex B).
[<NoEquality; NoComparison>]
type H248Message =
    {
        /// 1 to 99.
        Version: int
        /// Who sent it, as written: `[ADDRESS]:PORT`, `<DOMAIN>`, a device's name.
        Sender: string
        Body: H248Body
    }

/// Reads what parts say.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module H248Part =
    /// Whether it is this word, in any case.
    let is (word: string) (part: H248Part) : bool =
        part.Length = word.Length && Ascii.EqualsIgnoreCase(part.Span, word.AsSpan())

    /// Whether it is this token, in its long or its short form.
    let isToken (long: string) (short: string) (part: H248Part) : bool = is short part || is long part

    /// A whole number from 0 to 4294967295.
    let tryNumber (part: H248Part) : uint32 voption =
        let mutable number = 0u
        let mutable read = 0

        if Utf8Parser.TryParse(part.Span, &number, &read) && read = part.Length then
            ValueSome number
        else
            ValueNone

    /// WSP and EOL (RFC 3525 annex B.2).
    let internal isBlank (octet: byte) : bool = octet = 32uy || (octet >= 9uy && octet <= 13uy)

    /// Without the blanks before it.
    let rec internal trimStart (part: H248Part) : H248Part =
        if part.Length > 0 && isBlank part.Octets[part.Start] then
            trimStart { part with Start = part.Start + 1 }
        else
            part

    let rec private trimEnd (part: H248Part) : H248Part =
        if part.Length > 0 && isBlank part.Octets[part.Stop - 1] then
            trimEnd { part with Stop = part.Stop - 1 }
        else
            part

    /// Without the blanks around it.
    let internal trim (part: H248Part) : H248Part = part |> trimStart |> trimEnd

    /// Without quotation marks around it.
    let unquoted (part: H248Part) : H248Part =
        if part.Length >= 2 && part.Octets[part.Start] = 34uy && part.Octets[part.Stop - 1] = 34uy then
            { part with Start = part.Start + 1; Stop = part.Stop - 1 }
        else
            part

    /// A number of at least 0, with or without a fraction.
    let tryReal (part: H248Part) : float voption =
        let part = unquoted part
        let mutable number = 0.0
        let mutable read = 0

        if
            Utf8Parser.TryParse(part.Span, &number, &read)
            && read = part.Length
            && Double.IsFinite number
            && number >= 0.0
        then
            ValueSome number
        else
            ValueNone

    /// A number that fits an octet: decimal, or hexadecimal where `0x` or a letter says so.
    let tryOctet (part: H248Part) : int voption =
        let mutable number = 0u
        let mutable read = 0

        let isMarked =
            part.Length > 2
            && part.Octets[part.Start] = 48uy
            && (part.Octets[part.Start + 1] ||| 32uy) = 120uy

        let digits = if isMarked then { part with Start = part.Start + 2 } else part

        if not isMarked && (tryNumber part).IsSome then
            tryNumber part |> ValueOption.filter (fun value -> value <= 255u) |> ValueOption.map int
        elif
            digits.Length <= 2
            && Utf8Parser.TryParse(digits.Span, &number, &read, 'x')
            && read = digits.Length
        then
            ValueSome(int number)
        else
            ValueNone

    /// The text of an octet string, in which a brace is escaped.
    let unescaped (part: H248Part) : string = (string part).Replace("\\}", "}", StringComparison.Ordinal)
