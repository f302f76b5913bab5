module CallServer.Tests.Wire.OidTests

open CallServer.Wire
open CallServer.Tests

let ``its text reads back`` =
    lawBy wireLaws (fun (oid: Oid) ->
        let text = oid.ToString()

        if oid.Length = 0 then
            text = "" && Oid.tryParse text = None
        else
            Oid.tryParse text = Some oid && Oid.tryParse ("." + text) = Some oid)

let ``its order is that of its arcs`` =
    lawBy wireLaws (fun (first: Oid) (second: Oid) ->
        let expected = compare (List.ofArray (Oid.arcs first)) (List.ofArray (Oid.arcs second))

        sign (Oid.compare first second) = sign expected
        && sign (compare first second) = sign expected
        && (first = second) = (expected = 0))

let ``its suffix after a prefix completes the prefix`` =
    lawBy wireLaws (fun (prefix: Oid) (rest: Oid) ->
        let joined = Oid.append prefix (Oid.arcs rest)

        Oid.isPrefixOf prefix joined
        && Oid.suffix prefix joined = ValueSome rest
        && Oid.from prefix.Length joined = rest
        && (rest.Length = 0 || Oid.suffix joined prefix = ValueNone)
        && Oid.compare prefix joined <= 0
        && hash joined = hash (Oid.ofArcs (Oid.arcs joined)))

let ``a child follows its parent and precedes the next child`` =
    lawBy wireLaws (fun (parent: Oid) (Anywhere arc) ->
        let child = Oid.child arc parent

        Oid.compare parent child < 0
        && Oid.item parent.Length child = arc
        && (arc = 0u || Oid.compare (Oid.child (arc - 1u) parent) child < 0))

let ``other text is none`` =
    examples [ ""; "."; "1."; "1..3"; "1.3 "; "-1.3"; "1.4294967296"; "iso.3" ] (fun (text: string) ->
        (Oid.tryParse text = None) |> Check.isTrue)

let ``text of more than 128 arcs is none`` =
    example (fun () ->
        let text (count: int) = String.replicate (count - 1) "1." + "1"
        Oid.length (Oid.parse (text 128)) |> Check.equal 128
        (Oid.tryParse (text 129) = None) |> Check.isTrue)

let ``a value that was never made is the empty OID`` =
    example (fun () ->
        let nothing = Unchecked.defaultof<Oid>
        (nothing = Oid.empty && nothing.ToString() = "" && hash nothing = hash Oid.empty) |> Check.isTrue
        Oid.compare nothing (Oid.parse "1.3") |> Check.below 0)
