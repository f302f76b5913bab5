/// What is left of a person's number where it is hidden.
module CallServer.Tests.Surface.MaskingTests

open System
open CallServer.Surface
open CallServer.Tests
open FsCheck
open FsCheck.FSharp

let private digitsOf (text: string) = text |> Seq.filter Char.IsDigit |> Seq.toArray |> String

/// Numbers as people and gateways write them, from a single digit to sixteen.
type Written =
    static member Number() : Arbitrary<string> =
        let digit = Gen.elements [ '0' .. '9' ]
        let gap = Gen.elements [ ""; ""; ""; " "; "-"; "."; "("; ") "; "/" ]

        gen {
            let! plus = Gen.elements [ ""; "+"; "00"; "tel:"; "Phone " ]
            let! length = Gen.choose (1, 16)
            let! digits = Gen.arrayOfLength length digit
            let! gaps = Gen.arrayOfLength length gap

            return
                plus
                + (Array.map2 (fun (d: char) (g: string) -> string d + g) digits gaps |> String.concat "")
        }
        |> Arb.fromGen

let private numbers = Laws.plain |> Laws.times 2_000 |> Laws.drawing [ typeof<Written> ]

let ``at most four digits are shown, the last ones, and never more than half`` =
    lawBy numbers (fun (number: string) ->
        let all, shown = digitsOf number, digitsOf (NumberMask.Last4 number)
        shown.Length <= 4 && shown.Length * 2 <= all.Length && all.EndsWith(shown, StringComparison.Ordinal))

let ``a URI shows no more of its user, and its host whole`` =
    lawBy numbers (fun (number: string) ->
        let masked = NumberMask.Last4 $"sip:{number}@gw7.example.net:5060;transport=udp"
        let at = masked.LastIndexOf '@'
        let shown = digitsOf masked[.. at - 1]

        shown.Length <= 4
        && shown.Length * 2 <= (digitsOf number).Length
        && masked.EndsWith("@gw7.example.net:5060;transport=udp", StringComparison.Ordinal))

let ``one number looks the same however it is written`` =
    lawBy numbers (fun (number: string) ->
        let seen (text: string) =
            let masked = NumberMask.Last4 text

            masked[masked.IndexOf '…' ..]
            |> Seq.takeWhile (fun c -> c = '…' || Char.IsDigit c)
            |> Seq.toArray
            |> String

        let digits = digitsOf number
        let plain = seen digits

        [ $"+{digits}"
          $"tel:+{digits}"
          $"sip:{digits}@h.example"
          $"sips:+{digits}@192.0.2.1;user=phone" ]
        |> List.forall (fun other -> seen other = plain))

let ``any text at all comes out, and with no digit more`` =
    lawBy (Laws.plain |> Laws.times 2_000) (fun (text: string) ->
        let masked = NumberMask.Last4 text

        if isNull text then
            isNull masked
        else
            (digitsOf masked).Length <= (digitsOf text).Length)

let ``what is hidden, and what is not`` =
    examples
        [ "+49 30 123 4567", "…4567"
          "0049301234567", "…4567"
          "sip:+49301234567@gw.example.net", "sip:…4567@gw.example.net"
          "\"4930 1234567\" <sip:+49301234567@192.0.2.9:5060>;tag=12345678",
          "\"…4567@192.0.2.9:5060>;tag=…5678"
          "tel:+49301234567", "tel:…4567"
          "sip:49301234567", "sip:…4567"
          "sip:gw.example.net", "sip:gw.example.net"
          "sip:192.0.2.1:5060", "sip:192.0.2.1:5060"
          // Short numbers: half of them at most.
          "4711", "…11"
          "112", "…2"
          "7", "…"
          // Devices keep their letters.
          "aaln/1@rgw-2567.example.net", "aaln/…@rgw-2567.example.net"
          "sip:alice@example.net", "sip:alice@example.net"
          "Serial1/0:23", "Serial…23"
          // Where media go is no number.
          "192.0.2.1:16384", "192.0.2.1:16384"
          "[2001:db8::1]:16384", "[2001:db8::1]:16384"
          // Some write numbers with dots.
          "12.34.56.78", "…5678"
          "4930123456:12", "…5612"
          // Digits of other scripts, in and beyond the basic plane.
          "٠١٢٣٤٥٦٧٨٩", "…٦٧٨٩"
          "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕", "…𝟒𝟓𝟔𝟕"
          "", "" ]
        (fun (number, masked) -> NumberMask.Last4 number |> Check.equal masked)
