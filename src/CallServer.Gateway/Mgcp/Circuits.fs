namespace CallServer.Gateway

open System
open System.Collections.Generic

/// The endpoints of a gateway in the order of its list, by their local names: analogue lines from `aaln/1` on, then channels from
/// `ds/ds1-1/1` to `ds/ds1-1/24` and so on. Each is a circuit with its own number.
[<NoComparison; ReferenceEquality>]
type internal Circuits =
    {
        Names: string[]
        /// The place of each circuit in the list, by the circuit's number.
        PlaceOf: int[]
        Places: Dictionary<string, int>
    }

module internal Circuits =
    /// One circuit in this many is an analogue line.
    [<Literal>]
    let private LineEvery = 8

    /// Channels of a DS1.
    [<Literal>]
    let private Channels = 24

    let private isLine (circuit: int) = circuit % LineEvery = LineEvery - 1

    /// The local name of a circuit.
    let local (circuit: int) : string =
        if isLine circuit then
            "aaln/" + string (circuit / LineEvery + 1)
        else
            let channel = circuit - circuit / LineEvery
            "ds/ds1-" + string (channel / Channels + 1) + "/" + string (channel % Channels + 1)

    /// Makes at least this many circuits.
    let create (atLeast: int) : Circuits =
        let count = (max 1 atLeast + LineEvery - 1) / LineEvery * LineEvery
        let lines, channels = Array.init count id |> Array.partition isLine
        let order = Array.append lines channels
        let names = order |> Array.map local
        let places = Dictionary<string, int>(count, StringComparer.OrdinalIgnoreCase)
        let placeOf = Array.zeroCreate count

        for place in 0 .. count - 1 do
            places[names[place]] <- place
            placeOf[order[place]] <- place

        { Names = names; PlaceOf = placeOf; Places = places }

/// Which connections are on which endpoints; valid as long as the table holds the same connections.
[<NoComparison; ReferenceEquality>]
type internal Wiring =
    {
        Circuits: Circuits
        Listed: SimConnection[]
        /// By the place of the endpoint.
        On: SimConnection list[]
    }

module internal Wiring =
    /// The circuit of a connection, if each circuit carries this many.
    let circuit (perEndpoint: int) (connection: SimConnection) : int = connection.Slot / max 1 perEndpoint

    let private build (perEndpoint: int) (circuits: Circuits) (table: Table) : Wiring =
        let on = Array.create circuits.Names.Length []

        // From the last to the first, so that each endpoint lists its connections in the order of their setup.
        for index in table.Connections.Length - 1 .. -1 .. 0 do
            let connection = table.Connections[index]
            let place = circuits.PlaceOf[circuit perEndpoint connection]
            on[place] <- connection :: on[place]

        { Circuits = circuits; Listed = table.Connections; On = on }

    /// Makes at least this many endpoints, with room for the most connections that the table has had at one time.
    let create (perEndpoint: int) (atLeast: int) (table: Table) : Wiring =
        let needed = (table.NextSlot + perEndpoint - 1) / perEndpoint
        build perEndpoint (Circuits.create (max atLeast needed)) table

    /// The wiring for the table's current connections.
    let refresh (perEndpoint: int) (table: Table) (wiring: Wiring) : Wiring =
        if obj.ReferenceEquals(wiring.Listed, table.Connections) then
            wiring
        elif table.NextSlot > perEndpoint * wiring.Circuits.Names.Length then
            create perEndpoint (2 * wiring.Circuits.Names.Length) table
        else
            build perEndpoint wiring.Circuits table
