module CallServer.Tests.Model.IntervalTests

open System
open CallServer.Model
open CallServer.Tests

let ``an instant is in an intersection exactly when it is in both`` =
    law (fun (a: Interval) (b: Interval) (t: Instant) ->
        let t = Instant.ofMicros (t.Micros % 1_000_000L)

        let within =
            match Interval.intersect a b with
            | ValueSome both -> Interval.contains t both
            | ValueNone -> false

        within = (Interval.contains t a && Interval.contains t b))

let ``a hull holds both and nothing smaller does`` =
    law (fun (a: Interval) (b: Interval) ->
        let hull = Interval.hull a b

        Interval.intersect hull a = ValueSome a
        && Interval.intersect hull b = ValueSome b
        && (hull.Earliest = a.Earliest || hull.Earliest = b.Earliest)
        && (hull.Latest = a.Latest || hull.Latest = b.Latest))

let ``an intersection is never wider than what it is made of`` =
    law (fun (a: Interval) (b: Interval) ->
        match Interval.intersect a b with
        | ValueSome both ->
            Interval.width both <= Interval.width a && Interval.width both <= Interval.width b
        | ValueNone -> a.Latest < b.Earliest || b.Latest < a.Earliest)

let ``shifting there and back changes nothing, and open ends stay open`` =
    law (fun (a: Interval) (by: TimeSpan) ->
        let there = Interval.shift by a
        Interval.shift (by.Negate()) there = a && Interval.isBounded there = Interval.isBounded a)

let ``text of an instant is read back to the microsecond`` =
    law (fun (t: Instant) ->
        let parsed = DateTimeOffset.Parse(string t, Globalization.CultureInfo.InvariantCulture)
        Instant.ofDateTime parsed = t && Instant.ofDateTime (Instant.toDateTime t) = t)

let ``an interval with its ends out of order is our own mistake`` =
    example (fun () ->
        Check.throws<ArgumentException> (fun () ->
            Interval.create (Instant.ofMicros 2L) (Instant.ofMicros 1L) |> ignore))

let ``static payload types are named as IANA names them`` =
    examples
        [ 0, "PCMU", 8000; 8, "PCMA", 8000; 9, "G722", 8000; 18, "G729", 8000 ]
        (fun (payloadType: int, name: string, rate: int) ->
            Codec.ofPayloadType payloadType |> Check.equal (Some { Name = name; ClockRate = ValueSome rate }))

let ``rtpmap encodings keep their rate and get their registered spelling`` =
    examples
        [ "opus/48000/2", "opus", 48000; "pcmu/8000", "PCMU", 8000; "X-VENDOR/16000", "X-VENDOR", 16000 ]
        (fun (text: string, name: string, rate: int) ->
            Codec.ofRtpMap text |> Check.equal { Name = name; ClockRate = ValueSome rate })

let ``a media address is read as it is written`` =
    examples [ "192.0.2.1:16384"; "[2001:db8::1]:20000" ] (fun (text: string) ->
        MediaAddress.tryParse text |> Option.map string |> Check.equal (Some text))

let ``what is no media address is refused`` =
    examples [ "192.0.2.1"; "gw.example:5060"; "192.0.2.1:65536"; ":1" ] (fun (text: string) ->
        MediaAddress.tryParse text |> Check.equal (None: MediaAddress option))

let ``the type of service octet b8 is DSCP 46`` =
    example (fun () ->
        let qos = QualityOfService.ofTypeOfService 0xB8uy
        qos.Dscp |> Check.equal (ValueSome 46)
        qos.Reported |> Check.equal (ValueSome "b8"))

let ``a gateway id that would break a line or a column is refused`` =
    examples [ ""; "gw 1"; "gw\n" ] (fun (text: string) ->
        GatewayId.tryCreate text |> Check.equal (None: GatewayId option))
