module CallServer.Tests.Wire.OidTests

open NUnit.Framework
open CallServer.Wire

[<WireLaw>]
let ``its text reads back`` (oid: Oid) =
    let text = oid.ToString()

    if oid.Length = 0 then
        text = "" && Oid.tryParse text = None
    else
        Oid.tryParse text = Some oid && Oid.tryParse ("." + text) = Some oid

[<WireLaw>]
let ``its order is that of its arcs`` (first: Oid) (second: Oid) =
    let expected = compare (List.ofArray (Oid.arcs first)) (List.ofArray (Oid.arcs second))

    sign (Oid.compare first second) = sign expected
    && sign (compare first second) = sign expected
    && (first = second) = (expected = 0)

[<WireLaw>]
let ``its suffix after a prefix completes the prefix`` (prefix: Oid) (rest: Oid) =
    let joined = Oid.append prefix (Oid.arcs rest)

    Oid.isPrefixOf prefix joined
    && Oid.suffix prefix joined = ValueSome rest
    && Oid.from prefix.Length joined = rest
    && (rest.Length = 0 || Oid.suffix joined prefix = ValueNone)
    && Oid.compare prefix joined <= 0
    && hash joined = hash (Oid.ofArcs (Oid.arcs joined))

[<WireLaw>]
let ``a child follows its parent and precedes the next child`` (parent: Oid) (Anywhere arc) =
    let child = Oid.child arc parent

    Oid.compare parent child < 0
    && Oid.item parent.Length child = arc
    && (arc = 0u || Oid.compare (Oid.child (arc - 1u) parent) child < 0)

[<TestCase("")>]
[<TestCase(".")>]
[<TestCase("1.")>]
[<TestCase("1..3")>]
[<TestCase("1.3 ")>]
[<TestCase("-1.3")>]
[<TestCase("1.4294967296")>]
[<TestCase("iso.3")>]
let ``other text is none`` (text: string) = Assert.That(Oid.tryParse text = None)

[<Test>]
let ``text of more than 128 arcs is none`` () =
    let text (count: int) = String.replicate (count - 1) "1." + "1"
    Assert.That(Oid.length (Oid.parse (text 128)), Is.EqualTo 128)
    Assert.That(Oid.tryParse (text 129) = None)

[<Test>]
let ``a value that was never made is the empty OID`` () =
    let nothing = Unchecked.defaultof<Oid>
    Assert.That(nothing = Oid.empty && nothing.ToString() = "" && hash nothing = hash Oid.empty)
    Assert.That(Oid.compare nothing (Oid.parse "1.3"), Is.LessThan 0)
