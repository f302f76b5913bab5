module CallServer.Tests.Model.IntervalTests

open System
open NUnit.Framework
open CallServer.Model
open CallServer.Tests

[<Law>]
let ``an instant is in an intersection exactly when it is in both`` (a: Interval) (b: Interval) (t: Instant) =
    let t = Instant.ofMicros (t.Micros % 1_000_000L)

    let within =
        match Interval.intersect a b with
        | ValueSome both -> Interval.contains t both
        | ValueNone -> false

    within = (Interval.contains t a && Interval.contains t b)

[<Law>]
let ``a hull holds both and nothing smaller does`` (a: Interval) (b: Interval) =
    let hull = Interval.hull a b

    Interval.intersect hull a = ValueSome a
    && Interval.intersect hull b = ValueSome b
    && (hull.Earliest = a.Earliest || hull.Earliest = b.Earliest)
    && (hull.Latest = a.Latest || hull.Latest = b.Latest)

[<Law>]
let ``an intersection is never wider than what it is made of`` (a: Interval) (b: Interval) =
    match Interval.intersect a b with
    | ValueSome both -> Interval.width both <= Interval.width a && Interval.width both <= Interval.width b
    | ValueNone -> a.Latest < b.Earliest || b.Latest < a.Earliest

[<Law>]
let ``shifting there and back changes nothing, and open ends stay open`` (a: Interval) (by: TimeSpan) =
    let there = Interval.shift by a
    Interval.shift (by.Negate()) there = a && Interval.isBounded there = Interval.isBounded a

[<Law>]
let ``text of an instant is read back to the microsecond`` (t: Instant) =
    let parsed = DateTimeOffset.Parse(string t, Globalization.CultureInfo.InvariantCulture)
    Instant.ofDateTime parsed = t && Instant.ofDateTime (Instant.toDateTime t) = t

[<Test>]
let ``an interval with its ends out of order is our own mistake`` () =
    Assert.Throws<ArgumentException>(fun () ->
        Interval.create (Instant.ofMicros 2L) (Instant.ofMicros 1L) |> ignore)
    |> ignore

[<TestCase(0, "PCMU", 8000)>]
[<TestCase(8, "PCMA", 8000)>]
[<TestCase(9, "G722", 8000)>]
[<TestCase(18, "G729", 8000)>]
let ``static payload types are named as IANA names them`` (payloadType: int, name: string, rate: int) =
    Assert.That(Codec.ofPayloadType payloadType, Is.EqualTo(Some { Name = name; ClockRate = ValueSome rate }))

[<TestCase("opus/48000/2", "opus", 48000)>]
[<TestCase("pcmu/8000", "PCMU", 8000)>]
[<TestCase("X-VENDOR/16000", "X-VENDOR", 16000)>]
let ``rtpmap encodings keep their rate and get their registered spelling``
    (text: string, name: string, rate: int)
    =
    Assert.That(Codec.ofRtpMap text, Is.EqualTo { Name = name; ClockRate = ValueSome rate })

[<TestCase("192.0.2.1:16384")>]
[<TestCase("[2001:db8::1]:20000")>]
let ``a media address is read as it is written`` (text: string) =
    Assert.That(MediaAddress.tryParse text |> Option.map string, Is.EqualTo(Some text))

[<TestCase("192.0.2.1")>]
[<TestCase("gw.example:5060")>]
[<TestCase("192.0.2.1:65536")>]
[<TestCase(":1")>]
let ``what is no media address is refused`` (text: string) =
    Assert.That(MediaAddress.tryParse text, Is.EqualTo(None: MediaAddress option))

[<Test>]
let ``the type of service octet b8 is DSCP 46`` () =
    let qos = QualityOfService.ofTypeOfService 0xB8uy
    Assert.That(qos.Dscp, Is.EqualTo(ValueSome 46))
    Assert.That(qos.Reported, Is.EqualTo(ValueSome "b8"))

[<TestCase("")>]
[<TestCase("gw 1")>]
[<TestCase("gw\n")>]
let ``a gateway id that would break a line or a column is refused`` (text: string) =
    Assert.That(GatewayId.tryCreate text, Is.EqualTo(None: GatewayId option))
