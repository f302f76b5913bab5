namespace CallServer.Tests.Audit

open System
open System.Text
open CallServer.Model
open CallServer.Wire

/// A call leg as a Cisco gateway knows it; times are microseconds of the bench's clock.
type Leg =
    {
        Setup: Instant
        Number: uint32
        /// Nothing while it rings.
        Connect: Instant voption
        Guid: byte[]
        Peer: string
        Reversed: string
        /// 1 for originate, 2 for answer.
        Origin: int
        Coder: int
        Qos: int
        Media: byte[]
        Port: int
    }

/// The rows of a Cisco gateway whose agent started at a given time.
module CiscoTable =
    let private ticks (from: Instant) (at: Instant) : uint32 =
        uint32 ((at.Micros - from.Micros) / 10_000L % 4294967296L)

    let text (words: string) = OctetString(Encoding.UTF8.GetBytes words)
    let scalar (oid: string) value = VarBind.create (Oid.parse oid) value

    let instance (boot: Instant) (leg: Leg) : uint32[] = [| ticks boot leg.Setup; leg.Number |]

    let id (boot: Instant) (leg: Leg) = $"{ticks boot leg.Setup}.{leg.Number}"

    let rows (boot: Instant) (leg: Leg) : VarBind list =
        let at = instance boot leg
        let cell (column: string) value = VarBind.create (Oid.append (Oid.parse column) at) value
        let active = "1.3.6.1.2.1.10.21.1.3.1.1."
        let voip = "1.3.6.1.4.1.9.9.63.1.3.2.1."

        let connect =
            match leg.Connect with
            | ValueSome connect -> ticks boot connect
            | ValueNone -> 0u

        [ cell (active + "3") (text leg.Peer)
          cell (active + "7") (Integer 3L)
          cell (active + "8") (TimeTicks connect)
          cell (active + "9") (Integer(if leg.Connect.IsSome then 4L else 2L))
          cell (active + "10") (Integer(int64 leg.Origin))
          cell (voip + "1") (OctetString leg.Guid)
          cell (voip + "5") (Integer(int64 leg.Qos))
          cell (voip + "22") (text "call@example.net")
          cell (voip + "27") (OctetString leg.Media)
          cell (voip + "28") (Integer(int64 leg.Port))
          cell (voip + "45") (text leg.Reversed)
          cell "1.3.6.1.4.1.9.10.55.1.1.1.1.1" (OctetString leg.Guid)
          cell "1.3.6.1.4.1.9.10.55.1.1.1.1.3" (Integer(int64 leg.Coder)) ]

    /// sysUpTime, the engine, and Cisco's count.
    let scalars (boot: Instant) (now: Instant) (boots: int) (count: int) : VarBind list =
        [ scalar "1.3.6.1.2.1.1.1.0" (text "a gateway")
          scalar "1.3.6.1.2.1.1.3.0" (TimeTicks(ticks boot now))
          scalar "1.3.6.1.6.3.10.2.1.1.0" (OctetString [| 0x80uy; 0uy; 0x1Fuy; 0x88uy; 1uy |])
          scalar "1.3.6.1.6.3.10.2.1.2.0" (Integer(int64 boots))
          scalar "1.3.6.1.4.1.9.9.63.1.3.8.2.0" (Gauge32(uint32 count))
          scalar "1.3.6.1.6.3.16.1.1.1.1.0" (text "the end") ]

    let agent (boot: Instant) (now: Instant) (legs: Leg seq) : SmallAgent =
        let legs = List.ofSeq legs
        SmallAgent.create (scalars boot now 1 legs.Length @ List.collect (rows boot) legs)

    /// n legs that began within the hour before `now`.
    let legs (seed: int) (now: Instant) (n: int) : Leg list =
        let random = Random seed

        [ for number in 1..n do
              let age = random.NextInt64(30_000_000L, 3_600_000_000L)
              let ring = random.NextInt64(10_000L, 20_000_000L)
              let guid = Array.zeroCreate 16
              random.NextBytes guid
              guid[0] <- 0uy

              { Setup = Instant.ofMicros (now.Micros - age)
                Number = uint32 number
                Connect = ValueSome(Instant.ofMicros (now.Micros - age + ring))
                Guid = guid
                Peer = $"1415{number:D7}"
                Reversed = $"4420{number:D7}"
                Origin = 1 + number % 2
                Coder = 15
                Qos = 2
                Media = [| 192uy; 0uy; 2uy; byte (number % 250) |]
                Port = 16384 + number % 1000 * 2 } ]
