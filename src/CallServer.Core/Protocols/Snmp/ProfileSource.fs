namespace CallServer.Protocols.Snmp

open System
open System.Collections.Generic
open System.Globalization
open CallServer.Prelude
open CallServer.Wire

/// The pieces of a profile's JSON that name columns: sources of facts, and conditions.
module internal ProfileSource =
    /// What a profile's own names stand for: its columns, the parts of its index, and `instance`.
    type Names = Dictionary<string, Field>

    let oid (node: Json) : Validation<Oid> =
        Json.textAs "an object identifier such as 1.3.6.1.2.1.1.3" Oid.tryParse node

    /// One value, or a list of them.
    let oneOrMany (read: Json -> Validation<'T>) (node: Json) : Validation<'T list> =
        match node.Value with
        | JsonValue.Items _ -> Json.list read node
        | JsonValue.Null
        | JsonValue.Boolean _
        | JsonValue.Number _
        | Text _
        | JsonValue.Members _ -> read node |> Result.map List.singleton

    /// A number as it is written, or a text: how values are named in a profile.
    let scalar (node: Json) : Validation<string> =
        match node.Value with
        | JsonValue.Number written -> Ok written
        | JsonValue.Text text -> Ok text
        | JsonValue.Null
        | JsonValue.Boolean _
        | JsonValue.Items _
        | JsonValue.Members _ -> Json.fail $"a number or a text is expected here, not {Json.kind node}" node

    let private units =
        [ "us", TimeSpan.TicksPerMicrosecond
          "ms", TimeSpan.TicksPerMillisecond
          "s", TimeSpan.TicksPerSecond
          "m", TimeSpan.TicksPerMinute
          "h", TimeSpan.TicksPerHour
          "d", TimeSpan.TicksPerDay ]

    let private trySpan (text: string) : TimeSpan option =
        let digits = text |> Seq.takeWhile Char.IsAsciiDigit |> Seq.length
        let unit = units |> List.tryFind (fun (suffix, _) -> suffix = text[digits..])

        match unit, Int32.TryParse(text[.. digits - 1], NumberStyles.None, CultureInfo.InvariantCulture) with
        | Some(_, ticks), (true, count) -> Some(TimeSpan.FromTicks(int64 count * ticks))
        | _ -> None

    /// A span of time such as `5s`, `100ms`.
    let span (node: Json) : Validation<TimeSpan> =
        Json.textAs "a span of time such as 5s or 100ms" trySpan node

    let private field (names: Names) (node: Json) : Validation<Field> =
        let resolve (name: string) =
            match names.TryGetValue name with
            | true, field -> Some field
            | _ -> None

        Json.textAs "the name of a column or of a part of the index, nor \"instance\"" resolve node

    let conditions (names: Names) (node: Json) : Validation<Condition list> =
        let condition name child =
            match names.TryGetValue name with
            | true, field ->
                oneOrMany scalar child
                |> Result.map (fun among -> { Condition.Field = field; Among = List.toArray among })
            | _ -> Json.fail $"'{name}' is not the name of a column or of a part of the index" child

        Json.entries condition node |> Result.map (List.map snd)

    /// `"where": { "callState": [3, 4] }`
    let conditionsOf (name: string) (names: Names) (node: Json) : Validation<Condition list> =
        Json.withDefault name [] (conditions names) node

    let private plainSource field : Source =
        { Field = field
          Shape = AsText
          Names = Map.empty
          Absent = [||]
          When = []
          PairedWith = ValueNone }

    let private sourceMembers =
        [ "field"; "words"; "as"; "before"; "after"; "names"; "absent"; "when"; "pairedWith" ]

    let private shape (node: Json) : Validation<Shape> =
        let one name wrap =
            Json.tryMember name node |> Option.map (fun child -> Json.text child |> Result.map wrap)

        let hex =
            Json.tryMember "as" node
            |> Option.map (Json.oneOf [ "hex", AsHex; "text", AsText; "cause", AsCause ])

        match List.choose id [ hex; one "before" Before; one "after" After ] with
        | [] -> Ok AsText
        | [ only ] -> only
        | _ -> Json.fail "takes one of \"as\", \"before\" and \"after\"" node

    let private subject (names: Names) (node: Json) : Validation<Field> =
        match Json.tryMember "field" node, Json.tryMember "words" node with
        | Some child, None -> field names child
        | None, Some child -> Json.text child |> Result.map Words
        | Some _, Some _ -> Json.fail "takes either \"field\" or \"words\"" node
        | None, None -> Json.fail "lacks \"field\"" node

    /// The members of a source in an object that has `others` besides.
    let sourceIn (others: string list) (names: Names) (node: Json) : Validation<Source> =
        validation {
            let! () = Json.onlyMembers (others @ sourceMembers) node
            and! subject = subject names node
            and! shape = shape node
            and! named = Json.withDefault "names" [] (Json.entries (fun _ child -> Json.text child)) node
            and! absent = Json.withDefault "absent" [] (oneOrMany scalar) node
            and! conditions = conditionsOf "when" names node
            and! paired = Json.optional "pairedWith" (field names) node

            return
                { Field = subject
                  Shape = shape
                  Names = Map.ofList named
                  Absent = List.toArray absent
                  When = conditions
                  PairedWith = ValueOption.ofOption paired }
        }

    /// `"column"`, or `{ "field": "column", ... }`.
    let source (names: Names) (node: Json) : Validation<Source> =
        match node.Value with
        | JsonValue.Text _ -> field names node |> Result.map plainSource
        | JsonValue.Null
        | JsonValue.Boolean _
        | JsonValue.Number _
        | JsonValue.Items _
        | JsonValue.Members _ -> sourceIn [] names node

    /// The member of that name: the sources of one fact, the first that tells it wins.
    let sourcesOf (name: string) (names: Names) (node: Json) : Validation<Source list> =
        Json.withDefault name [] (oneOrMany (source names)) node

    let codec (names: Names) (node: Json) : Validation<CodecSource> =
        match node.Value with
        | JsonValue.Text _ -> source names node |> Result.map (fun name -> CodecName(name, ValueNone))
        | JsonValue.Null
        | JsonValue.Boolean _
        | JsonValue.Number _
        | JsonValue.Items _
        | JsonValue.Members _ ->
            validation {
                let! name = sourceIn [ "clockRate"; "payloadType" ] names node
                and! rate = Json.optional "clockRate" (source names) node
                and! payloadType = Json.withDefault "payloadType" false Json.boolean node

                return
                    if payloadType then
                        CodecPayloadType name
                    else
                        CodecName(name, ValueOption.ofOption rate)
            }

    let address (names: Names) (node: Json) : Validation<AddressSource> =
        match Json.tryMember "transport" node with
        | Some child ->
            validation {
                let! () = Json.onlyMembers [ "transport" ] node
                and! octets = source names child
                return TransportAddress octets
            }
        | None ->
            validation {
                let! () = Json.onlyMembers [ "host"; "port"; "transport" ] node
                and! host = Json.required "host" (source names) node
                and! port = Json.optional "port" (source names) node
                return HostAndPort(host, ValueOption.ofOption port)
            }

    let qos (names: Names) (node: Json) : Validation<QosSources> =
        validation {
            let! () = Json.onlyMembers [ "dscp"; "service"; "reported" ] node
            and! dscp = sourcesOf "dscp" names node
            and! service = sourcesOf "service" names node
            and! reported = sourcesOf "reported" names node

            return { Dscp = dscp; Service = service; Reported = reported }
        }
