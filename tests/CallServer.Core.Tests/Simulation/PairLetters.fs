namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open System.IO
open System.Text
open CallServer.Model
open CallServer.Roles

/// What the acting server says of a connection that the other one asks about.
type Standing =
    | ItsCdrIsWritten
    | ItIsActive
    | NotKnown

/// What the servers of a pair say to each other.
[<NoComparison>]
type Said =
    | Greets of Greeting
    | AsksFor of struct (Guid * GatewayId * ConnectionId)[]
    | Tells of Dictionary<Guid, Standing>
    | Refuses

/// A question on its way.
[<NoComparison>]
type Letter = { Proof: QuestionProof; Says: Said }

/// The answer to a question, on its way.
[<NoComparison>]
type Reply = { Proof: AnswerProof; Status: int; Says: Said }

module Letters =
    let verb (said: Said) =
        match said with
        | Greets _
        | Refuses -> Heartbeat
        | AsksFor _
        | Tells _ -> Settle

    /// Different messages have different octets.
    let octets (said: Said) : byte[] =
        use stream = new MemoryStream()
        use writer = new BinaryWriter(stream, Encoding.UTF8)

        match said with
        | Greets g ->
            writer.Write g.Server
            writer.Write g.Epoch
            writer.Write(string g.Role)
            writer.Write(g.Role = Joining)
            writer.Write g.HandsOver
            writer.Write g.Anew

            match g.Patience with
            | ValueSome patience ->
                writer.Write patience.Heartbeat.Ticks
                writer.Write patience.Misses
            | ValueNone -> ()
        | AsksFor wanted ->
            for struct (id, _, connection) in wanted do
                writer.Write(id.ToByteArray())
                writer.Write(ConnectionId.value connection)
        | Tells standings ->
            for KeyValue(id, standing) in standings do
                writer.Write(id.ToByteArray())

                match standing with
                | ItsCdrIsWritten -> writer.Write 'w'
                | ItIsActive -> writer.Write 'a'
                | NotKnown -> writer.Write 'n'
        | Refuses -> ()

        writer.Flush()
        stream.ToArray()

    let random (dice: Dice) : byte[] =
        Array.append (BitConverter.GetBytes(dice.Next())) (BitConverter.GetBytes(dice.Next()))
