namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Wire

/// Describes connections of the table as an H.248 gateway does: each is a context with two terminations, a circuit and an RTP stream.
module internal H248Terminations =
    let contextOf (vices: H248Vices) (connection: SimConnection) : uint32 =
        if vices.Reuses then
            uint32 (connection.Slot + 1)
        else
            uint32 (connection.Serial + 1L)

    let rtp (vices: H248Vices) (connection: SimConnection) : string =
        let number = if vices.Reuses then int64 connection.Slot else connection.Serial

        "rtp/" + string (number + 10000L)

    let circuit (connection: SimConnection) : string =
        $"ds/ds1-{connection.Slot / 24 + 1}/{connection.Slot % 24 + 1}"

    let identify (vices: H248Vices) (connection: SimConnection) : Identity list =
        let context = string (contextOf vices connection)

        [ for termination in [ circuit connection; rtp vices connection ] ->
              { Id = context + "/" + termination
                Call = Some context
                Endpoint = Some termination
                Originator = None } ]

    let private durations (vices: H248Vices) (now: Instant) (connection: SimConnection) =
        let age = SimConnection.age now connection
        let milliseconds = age.Ticks / TimeSpan.TicksPerMillisecond

        if vices.NoDurations then
            []
        else
            [ "nt/dur", string (if vices.SecondDurations then milliseconds / 1000L * 1000L else milliseconds) ]

    let private octets (now: Instant) (connection: SimConnection) =
        let octets = string (SimConnection.octets now connection)
        [ "nt/os", octets; "nt/or", octets ]

    let private bare (id: string) : H248TerminationText =
        { Id = id; Fault = ValueNone; ServiceState = ""; Streams = []; Statistics = [] }

    let root: H248TerminationText = bare "Root"

    let private stream: H248StreamText =
        { Number = 1; Mode = "SendReceive"; Properties = []; Local = ""; Remote = "" }

    let private describe vices media statistics (told: H248TerminationText) : H248TerminationText =
        { told with
            ServiceState = (if media && not vices.NoMedia then "InService" else "")
            Streams = (if media && not vices.NoMedia then told.Streams else [])
            Statistics = (if statistics then told.Statistics else []) }

    /// The terminations of a connection's context at a moment, with the descriptors that are wanted.
    let terminations
        (vices: H248Vices)
        (media: bool)
        (statistics: bool)
        (now: Instant)
        (connection: SimConnection)
        : H248TerminationText list =
        let durations = durations vices now connection
        let packets = string (SimConnection.packets now connection)

        [ { bare (circuit connection) with
              Streams = [ stream ]
              Statistics = durations @ octets now connection }
          { bare (rtp vices connection) with
              Streams =
                  [ { stream with
                        Properties = [ "ds/dscp", "0x" + connection.Dscp.ToString "X2" ]
                        Local = SimSession.local connection
                        Remote = SimSession.remote connection } ]
              Statistics =
                  durations
                  @ octets now connection
                  @ [ "rtp/ps", packets
                      "rtp/pr", packets
                      "rtp/pl", "0.25"
                      "rtp/jit", "4"
                      "rtp/delay", "20" ] } ]
        |> List.map (describe vices media statistics)
