module CallServer.Tests.Ledger.RowsTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Surface
open CallServer.Tests.Ledger
open CallServer.Tests

let ``what a store keeps is read back as it was, whatever the gateway's kind`` =
    example (fun () ->
        for kind in [ Unique; BootTied; Reused; Unreported; Shifting ] do
            for seed in 1UL .. 50UL do
                let world = World(kind, seed)

                for _ in 1..60 do
                    world.Step()

                let ledger = world.Ledger
                let rows = ledger.Connections |> Array.map (StoredRows.ofConnection ledger.Gateway 7L)

                let back =
                    { StoredRows.toGateway (StoredRows.ofGateway ledger Keeping.nothing) with
                        Connections = Array.map StoredRows.toConnection rows }

                (back = ledger) |> Check.because $"{kind} {seed}" Check.isTrue)

let ``every fact of a connection survives the store`` =
    example (fun () ->
        let facts: Facts =
            { Call = ValueSome(CallId.create "c@example.net")
              Endpoint = ValueSome "ds/ds1-1/3"
              Originator = ValueSome "+14155550100"
              Remote = ValueSome "+442055550123"
              Direction = ValueSome Outgoing
              Codec = ValueSome(Codec.ofName "opus")
              Qos = { Dscp = ValueSome 46; Service = ValueSome ControlledLoad; Reported = ValueSome "b8" }
              Mode = ValueSome "sendrecv"
              State = ValueSome "active"
              LocalMedia = MediaAddress.ofText "192.0.2.1" 16384 |> Option.toValueOption
              RemoteMedia = MediaAddress.ofText "2001:db8::1" 20000 |> Option.toValueOption
              OtherMedia =
                ValueSome
                    [ { Kind = "video"
                        Codec = ValueSome(Codec.ofRtpMap "VP8/90000")
                        Local = MediaAddress.ofText "192.0.2.1" 16386 |> Option.toValueOption
                        Remote = MediaAddress.ofText "2001:db8::1" 20002 |> Option.toValueOption }
                      { Kind = "x y;z"
                        Codec = ValueSome { Name = "a/b; -"; ClockRate = ValueNone }
                        Local = ValueNone
                        Remote = ValueNone } ] }

        let ledger, _ =
            Build.replay [ Build.complete 0.0 1.0 [ { Build.observation "ä/1" 0.5 with Facts = facts } ] ]

        let c = Build.only ledger

        let c =
            { c with
                Stamp = ValueSome "12345"
                LastConflict = ValueSome { At = Build.at 3.0; Reported = Interval.upTo (Build.at 2.0) } }

        (StoredRows.toConnection (StoredRows.ofConnection ledger.Gateway 7L c) = c) |> Check.isTrue)

let ``a row that this version does not know is named, not guessed`` =
    example (fun () ->
        let ledger, _ = Build.replay [ Build.complete 0.0 1.0 [ Build.observation "a" 0.5 ] ]
        let row = StoredRows.ofConnection ledger.Gateway 7L (Build.only ledger)

        let error =
            Check.thrown<IO.InvalidDataException> (fun () ->
                StoredRows.toConnection { row with Status = "dreaming" } |> ignore)

        error.Message |> Check.says "dreaming")
