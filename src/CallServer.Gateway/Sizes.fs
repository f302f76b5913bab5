namespace CallServer.Gateway

open CallServer.Wire

/// The number of octets that values take on the wire, so that a reply can be filled up to a limit without being written twice.
module internal Sizes =
    let private lengthOctets (length: int) : int =
        if length < 0x80 then 1
        elif length < 0x100 then 2
        elif length < 0x10000 then 3
        else 4

    let private element (content: int) : int = 1 + lengthOctets content + content

    let private arc (arc: uint32) : int =
        if arc < 0x80u then 1
        elif arc < 0x4000u then 2
        elif arc < 0x200000u then 3
        elif arc < 0x10000000u then 4
        else 5

    let private oid (name: Oid) : int =
        let mutable content = 1

        for place in 2 .. name.Length - 1 do
            content <- content + arc name[place]

        // The first two arcs do not fit one octet.
        element (content + (if name.Length > 1 && name[0] = 2u && name[1] > 47u then 4 else 0))

    let private signed (number: int64) : int =
        let mutable octets = 1

        while octets < 8 && (number >>> (8 * octets - 1)) <> 0L && (number >>> (8 * octets - 1)) <> -1L do
            octets <- octets + 1

        octets

    let private unsigned (number: uint64) : int = if number >>> 63 = 1UL then 9 else signed (int64 number)

    let private value (value: Value) : int =
        match value with
        | Integer number -> element (signed number)
        | OctetString octets
        | IpAddress octets
        | Opaque octets -> element octets.Length
        | ObjectIdentifier name -> oid name
        | Counter32 number
        | Gauge32 number
        | TimeTicks number -> element (unsigned (uint64 number))
        | Counter64 number -> element (unsigned number)
        | Null
        | NoSuchObject
        | NoSuchInstance
        | EndOfMibView -> 2

    /// The octets of one variable binding; perhaps too many, never too few.
    let varBind (varBind: VarBind) : int = element (oid varBind.Name + value varBind.Value)
