namespace CallServer.Tests.Wire

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Wire
open CallServer.Tests

/// A dictionary as in a message: ASCII keys, each once.
type AnyDictionary = AnyDictionary of Bencode

module BencodeGenerators =
    let private octets: Gen<byte[]> =
        gen {
            let! size = Gen.frequency [ 8, Gen.choose (0, 12); 1, Gen.choose (0, 300) ]
            return! Gen.arrayOfLength size (Gen.choose (0, 255) |> Gen.map byte)
        }

    let private key: Gen<string> =
        gen {
            let! size = Gen.choose (0, 10)
            let! letters = Gen.arrayOfLength size (Gen.choose (32, 126) |> Gen.map char)
            return String letters
        }

    let private number: Gen<int64> =
        Gen.frequency
            [ 4, Gen.choose64 (-100L, 100L)
              1, Gen.elements [ Int64.MaxValue; Int64.MinValue + 1L; 0L ]
              2, Gen.choose64 (-1_000_000_000_000L, 1_000_000_000_000L) ]

    let rec private value (depth: int) : Gen<Bencode> =
        let leaf = Gen.oneof [ Gen.map Bencode.Text octets; Gen.map Bencode.Number number ]

        if depth = 0 then
            leaf
        else
            Gen.frequency
                [ 4, leaf
                  1,
                  Gen.choose (0, 5)
                  >>= fun size -> Gen.map Bencode.Items (Gen.listOfLength size (value (depth - 1)))
                  1, dictionary (depth - 1) ]

    and dictionary (depth: int) : Gen<Bencode> =
        gen {
            let! size = Gen.choose (0, 6)
            let! keys = Gen.listOfLength size key
            let keys = List.distinct keys
            let! values = Gen.listOfLength keys.Length (value depth)
            return Bencode.Members(List.zip keys values)
        }

    /// What a view shows, as a tree.
    let rec tree (view: BencodeView) : Bencode =
        match view.Octets[view.Start] with
        | 'i'B ->
            match BencodeView.number view with
            | ValueSome number -> Bencode.Number number
            | ValueNone -> failwith "a number that is none"
        | 'l'B ->
            BencodeView.foldItems (fun items item -> tree item :: items) [] view |> List.rev |> Bencode.Items
        | 'd'B ->
            BencodeView.foldMembers
                (fun members key item -> (Encoding.UTF8.GetString key.Span, tree item) :: members)
                []
                view
            |> List.rev
            |> Bencode.Members
        | _ ->
            match BencodeView.text view with
            | ValueSome text -> Bencode.Text(text.ToArray())
            | ValueNone -> failwith "a text that is none"

    let read (octets: byte[]) : Bencode =
        match BencodeView.read octets 0 with
        | Ok view -> tree view
        | Error error -> failwith (string error)

type BencodeArbitraries =
    static member Dictionary() : Arbitrary<AnyDictionary> =
        BencodeGenerators.dictionary 4 |> Gen.map AnyDictionary |> Arb.fromGen

[<AutoOpen>]
module NgLaws =
    /// Laws of bencode and ng, tried on a thousand cases.
    let ngLaws = Laws.plain |> Laws.drawing [ typeof<BencodeArbitraries> ] |> Laws.times 1000

module BencodeTests =
    let private ascii (text: string) = Encoding.ASCII.GetBytes text

    let private problem (text: string) =
        match BencodeView.read (ascii text) 0 with
        | Ok view -> failwith $"read: %A{BencodeGenerators.tree view}"
        | Error error -> error.Problem, error.Offset

    let ``what is written is read`` =
        lawBy ngLaws (fun (AnyDictionary value) ->
            BencodeGenerators.read (Bencode.encode value) |> Check.equal value)

    let ``a value that comes in pieces ends where it ends, and no sooner`` =
        lawBy ngLaws (fun (AnyDictionary value) (cuts: byte list) ->
            let octets = Array.append (Bencode.encode value) (ascii "e4:tail")
            let whole = octets.Length - 7

            let rec feed (scan: BencodeScan) (known: int) (cuts: byte list) =
                let size, rest =
                    match cuts with
                    | cut :: rest -> int cut % 7 + 1, rest
                    | [] -> octets.Length, []

                let known = min octets.Length (known + size)

                match BencodeScan.resume (ReadOnlySpan(octets, 0, known)) scan with
                | struct (_, BencodeProgress.Ends at) -> at
                | struct (scan, BencodeProgress.NeedsMore) when known < octets.Length ->
                    if known > whole then
                        failwith "it was whole before"

                    feed scan known rest
                | struct (_, BencodeProgress.NeedsMore) -> failwith "needs more than there is"
                | struct (_, BencodeProgress.Broken error) -> failwith (string error)

            feed (BencodeScan.start 0) 0 cuts |> Check.equal whole)

    let ``a value that is cut off is unfinished`` =
        lawBy ngLaws (fun (AnyDictionary value) (place: uint32) ->
            let octets = Bencode.encode value
            let cut = int (place % uint32 octets.Length)

            match BencodeView.read octets[.. cut - 1] 0 with
            | Error { Problem = BencodeProblem.Unfinished; Offset = offset } -> Check.equal cut offset
            | other -> failtest $"%A{Result.isOk other}")

    let ``keys stand in any order, zeros may be needless, and what follows does not matter`` =
        example (fun () ->
            BencodeGenerators.read (ascii "d1:bi007e1:a003:xyze and more")
            |> Check.equal (Bencode.Members [ "b", Bencode.Number 7L; "a", Bencode.Text(ascii "xyz") ])

            BencodeGenerators.read (ascii "li-12ei0eldeee")
            |> Check.equal (
                Bencode.Items
                    [ Bencode.Number -12L; Bencode.Number 0L; Bencode.Items [ Bencode.Members [] ] ]
            ))

    let ``what is wrong is named with its place`` =
        example (fun () ->
            problem "x" |> Check.equal (BencodeProblem.NotValue 'x'B, 0)
            problem "e" |> Check.equal (BencodeProblem.NotValue 'e'B, 0)
            problem "di1ei2ee" |> Check.equal (BencodeProblem.KeyDue 'i'B, 1)
            problem "d1:ae" |> Check.equal (BencodeProblem.ValueDue, 4)
            problem "lie" |> Check.equal (BencodeProblem.NumberUnreadable, 1)
            problem "i--1e" |> Check.equal (BencodeProblem.NumberUnreadable, 0)
            problem "i9223372036854775808e" |> Check.equal (BencodeProblem.NumberUnreadable, 0)
            problem "l99999999999:a" |> Check.equal (BencodeProblem.StringTooLong 99999999999L, 1)
            problem "l1-:a" |> Check.equal (BencodeProblem.LengthUnreadable, 1)
            problem (String('l', 65)) |> Check.equal (BencodeProblem.TooDeep, 64)
            problem (String('l', 64)) |> Check.equal (BencodeProblem.Unfinished, 64)
            problem "" |> Check.equal (BencodeProblem.Unfinished, 0)
            problem (String('1', 30)) |> Check.equal (BencodeProblem.LengthUnreadable, 0))

    let ``digits in a string are a number too`` =
        example (fun () ->
            let number text =
                match BencodeView.read (ascii text) 0 with
                | Ok view -> BencodeView.number view
                | Error _ -> ValueNone

            number "i42e" |> Check.equal (ValueSome 42L)
            number "2:42" |> Check.equal (ValueSome 42L)
            number "3:4 2" |> Check.equal ValueNone
            number "0:" |> Check.equal ValueNone
            number "le" |> Check.equal ValueNone)

    let ``JSON says the same`` =
        example (fun () ->
            let json =
                """{"calls":["a\u00e9\"",""],"n":-5,"yes":true,"no":false,"none":null,"half":0.5,"list":[null,[]],"d":{}}"""

            match BencodeJson.read (Encoding.UTF8.GetBytes json) 0 with
            | Error error -> failtest (string error)
            | Ok view ->
                BencodeGenerators.tree view
                |> Check.equal (
                    Bencode.Members
                        [ "calls", Bencode.Items [ Bencode.ofString "a\u00e9\""; Bencode.ofString "" ]
                          "n", Bencode.Number -5L
                          "yes", Bencode.Number 1L
                          "no", Bencode.Number 0L
                          "half", Bencode.ofString "0.5"
                          "list", Bencode.Items [ Bencode.ofString ""; Bencode.Items [] ]
                          "d", Bencode.Members [] ]
                ))

    let private bound (size: int) : int64 = 65536L + 4L * int64 size

    /// Caches are filled before anything is measured.
    let private madeOnce =
        lazy
            (BencodeView.read (ascii "de") 0 |> ignore
             BencodeJson.read (ascii "{}") 0 |> ignore
             BencodeJson.read (ascii "{]") 0 |> ignore)

    /// Decoding must not throw, and must not allocate more than allowed.
    let private check (octets: byte[]) : unit =
        madeOnce.Force()
        let before = GC.GetAllocatedBytesForCurrentThread()
        BencodeView.read octets 0 |> ignore
        BencodeJson.read octets 0 |> ignore
        let allocated = GC.GetAllocatedBytesForCurrentThread() - before

        if allocated > bound octets.Length then
            failtest
                $"{octets.Length} octets took {allocated}: {Convert.ToHexString(Array.truncate 200 octets)}"

    let ``damage throws nothing and takes no memory`` =
        lawBy ngLaws (fun (AnyDictionary value) (AnyDictionary other) (seed: uint64) ->
            let octets = Bencode.encode value

            let json =
                Text.Encoding.UTF8.GetBytes """{"a":["b\n\ud83d\ude00",1,2.5e3,null,{"c":true}],"":"\\"}"""

            for attempt in 0UL .. 19UL do
                check (Mutation.some (Bencode.encode other) octets (seed + attempt))
                check (Mutation.some octets json (seed + attempt)))

    let ``JSON as dense as can be stays within its room`` =
        example (fun () ->
            for item in [ "0"; "\"\""; "[]"; "{}"; "null"; "true"; "\"a\""; "1.5"; "\"\\n\"" ] do
                for count in [ 1; 10; 1000; 20000 ] do
                    let json = "[" + String.Join(',', Array.create count item) + "]"

                    match BencodeJson.read (ascii json) 0 with
                    | Ok _ -> check (ascii json)
                    | Error error -> failtest $"{count} times {item}: {error}")
