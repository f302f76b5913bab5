// A day of churn, audited every ten minutes: how many calls came and went, and how the bounds of the longest ones
// narrow: dotnet fsi scripts/narrowing.fsx [--svg FILE]   (draws one connection's bounds)
#load "load.fsx"
#load "lib/arguments.fsx"

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.Xml.Linq
open Load
open Arguments
open CallServer.Model
open CallServer.Ledger
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Gateway

let arguments = readArguments "Usage: dotnet fsi scripts/narrowing.fsx [--svg FILE]" [ "--svg" ] []

let start = Instant.ofDateTime (DateTimeOffset(2026, 1, 31, 0, 0, 0, TimeSpan.Zero))

let path =
    BadNetwork.both
        { PathQuality.lan with
            Delay = TimeSpan.FromMilliseconds 20.0
            Jitter = TimeSpan.FromMilliseconds 30.0 }
// 40 calls of about an hour each.
let mutable gateway = Gateways.simple "cisco-voice" "gw1" 3UL 40 (40.0 / 3600.0) start
let mutable memory = SnmpAudit.Memory.none
let mutable ledger = GatewayLedger.empty (GatewayId.create "gw1")
let mutable closed = 0
let mutable billed, billedMost = 0L, 0L

let widthOf (interval: Interval) = (Interval.width interval).TotalMilliseconds

/// What one audit told of a connection's start, and what the record held afterwards.
type Look = { At: Instant; Told: Interval; Held: Interval }

/// A connection's true start, and every look at it.
type Story = { True: Instant; Looks: List<Look> }

let stories = Dictionary<string, Story>()

let remember (snapshot: Snapshot) (after: AgentState) =
    let trueStarts =
        lazy (dict [ for c in after.Table.Connections -> (AgentState.identify c after).Id, c.Start ])

    for o in snapshot.Observations do
        match o.Start, GatewayLedger.tryFind o.Id ledger with
        | ValueSome told, ValueSome held ->
            let id = string o.Id

            if not (stories.ContainsKey id) && trueStarts.Value.ContainsKey id then
                stories[id] <- { True = trueStarts.Value[id]; Looks = List() }

            match stories.TryGetValue id with
            | true, story ->
                story.Looks.Add { At = snapshot.Answered; Told = told.Within; Held = held.Start.Within }
            | _ -> ()
        | _ -> ()

printfn "%-8s %6s %7s %14s %14s" "time" "calls" "ended" "median width" "worst width"

for round in 0..143 do
    let due = start + TimeSpan.FromMinutes(10.0 * float round)
    let struct (advanced, _) = AgentState.advance due gateway

    let snapshot, left, after, _ =
        auditOnce path (target "gw1" "cisco-voice") memory advanced due (uint64 round)

    memory <- left
    gateway <- after
    let struct (next, changes) = Reconcile.apply snapshot ledger
    ledger <- next
    remember snapshot after

    for change in changes do
        match change with
        | Change.Closed(connection, ending) ->
            let cdr = Cdr.create ledger.Gateway ledger.Traits connection ending
            closed <- closed + 1
            billed <- billed + Cdr.billedSeconds cdr
            billedMost <- billedMost + ValueOption.defaultValue 0L (Cdr.billedSecondsMax cdr)
        | _ -> ()

    if round % 18 = 0 then
        let widths = ledger.Connections |> Array.map (fun c -> widthOf c.Start.Within) |> Array.sort
        let median = if widths.Length = 0 then 0.0 else widths[widths.Length / 2]
        let worst = if widths.Length = 0 then 0.0 else Array.last widths

        printfn
            "%-8s %6d %7d %11.1f ms %11.1f ms"
            ((due - start).ToString @"hh\:mm")
            ledger.Connections.Length
            closed
            median
            worst

printfn
    "billed: between %d and %d seconds for %d calls; ten minutes between audits make the ends coarse, not the starts"
    billed
    billedMost
    closed

if closed = 0 || billed > billedMost then
    failwith "a day of churn must end calls, within bounds"

// ---- One connection as a picture: of those that were heard at least twelve times, the one that narrowed most

let drawn =
    stories.Values
    |> Seq.filter (fun story -> story.Looks.Count >= 12)
    |> Seq.maxBy (fun story -> widthOf (Seq.head story.Looks).Held / widthOf (Seq.last story.Looks).Held)

/// Milliseconds after the true start; negative before it.
let offset (instant: Instant) = (instant - drawn.True).TotalMilliseconds

let first, last = Seq.head drawn.Looks, Seq.last drawn.Looks

for story in stories.Values do
    for look in story.Looks do
        if not (Interval.contains story.True look.Held) then
            failwith $"the true start {story.True} is not in {look.Held}"

    for before, after in Seq.pairwise story.Looks do
        if after.Held.Earliest < before.Held.Earliest || after.Held.Latest > before.Held.Latest then
            failwith $"bounds only narrow: {before.Held}, then {after.Held}"

if not (widthOf last.Held < widthOf first.Held) then
    failwith "a connection that is heard often must become known more exactly"

let picture =
    let number (value: float) = value.ToString("0.#", CultureInfo.InvariantCulture)
    let wide, high, left, right, top, bottom = 760.0, 340.0, 64.0, 16.0, 76.0, 48.0

    let most =
        drawn.Looks
        |> Seq.collect (fun look -> [ offset look.Told.Earliest; offset look.Told.Latest ])
        |> Seq.map abs
        |> Seq.max
    // The scale's marks: 1, 2 or 5 times a power of ten, about three each way.
    let step =
        let rough = most / 3.0
        let power = Math.Pow(10.0, floor (log10 rough))

        [ 1.0; 2.0; 5.0; 10.0 ]
        |> List.map (fun times -> times * power)
        |> List.find (fun mark -> mark >= rough)

    let reach = step * ceil (most / step)
    let from, until = first.At, last.At
    let x (at: Instant) = left + (wide - left - right) * ((at - from) / (until - from))
    let y (ms: float) = top + (high - top - bottom) * (0.5 - ms / reach / 2.0)
    let minutes (at: Instant) = (at - from).TotalMinutes

    let title = "How the bounds of one connection's start narrow"

    let description =
        $"{drawn.Looks.Count} audits in {number ((until - from).TotalHours)} hours. The first one told the start to {number (widthOf first.Told)} ms. "
        + $"Each later one tells it anew, no more exactly than a round trip and the gateway's clock allow; the record keeps what all "
        + $"of them agree on, at last {number (widthOf last.Held)} ms. The true start is always within."

    // The record holds its bounds from one audit to the next.
    let edge (bound: Interval -> Instant) =
        [ for before, after in Seq.pairwise drawn.Looks do
              let ms = number (y (offset (bound before.Held)))
              $"{number (x before.At)},{ms}"
              $"{number (x after.At)},{ms}"
          $"{number (x last.At)},{number (y (offset (bound last.Held)))}" ]

    let band = String.Join(' ', edge _.Latest @ List.rev (edge _.Earliest))
    let marks = [ -reach .. step .. reach ]
    let hours = [ 0.0 .. (if minutes until > 240.0 then 60.0 else 30.0) .. minutes until ]

    String.Join(
        '\n',
        [ $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number wide} {number high}" role="img" aria-labelledby="title what" font-family="sans-serif" font-size="12">"""
          $"""<title id="title">{title}</title>"""
          $"""<desc id="what">{description}</desc>"""
          """<style>"""
          """.paper{fill:#fff}.ink{fill:#1c1c1c}.grid{stroke:#d8d8d8}.told{stroke:#757575;stroke-width:3}.held{fill:#1f6fb2;fill-opacity:.35;stroke:#1f6fb2;stroke-width:1.5}.heldtext{fill:#1a5e97}.toldtext{fill:#616161}.true{stroke:#b8431c;stroke-width:1.5;stroke-dasharray:5 3}.truetext{fill:#b8431c}"""
          """@media (prefers-color-scheme:dark){.paper{fill:#161616}.ink{fill:#ececec}.grid{stroke:#3a3a3a}.told{stroke:#9a9a9a}.held{fill:#63b3ed;stroke:#63b3ed}.heldtext{fill:#63b3ed}.toldtext{fill:#b5b5b5}.true{stroke:#ff9c73}.truetext{fill:#ff9c73}}"""
          """</style>"""
          $"""<rect class="paper" width="{number wide}" height="{number high}"/>"""
          $"""<text class="ink" x="{number left}" y="20" font-size="14">{title}</text>"""
          $"""<text class="toldtext" x="{number left}" y="40">grey bars: what each audit told</text>"""
          $"""<text class="heldtext" x="{number (left + 230.0)}" y="40">blue band: what the record holds</text>"""
          $"""<text class="truetext" x="{number (left + 480.0)}" y="40">dashes: the true start</text>"""
          $"""<text class="ink" x="{number left}" y="60">milliseconds from the true start: {number (widthOf first.Held)} ms wide after the first audit, {number (widthOf last.Held)} ms after {drawn.Looks.Count}</text>"""
          for mark in marks do
              let at = number (y mark)
              let sign = if mark > 0.0 then "+" else ""
              $"""<line class="grid" x1="{number left}" x2="{number (wide - right)}" y1="{at}" y2="{at}"/>"""
              $"""<text class="ink" x="{number (left - 8.0)}" y="{number (y mark + 4.0)}" text-anchor="end">{sign}{number mark}</text>"""
          for look in drawn.Looks do
              $"""<line class="told" x1="{number (x look.At)}" x2="{number (x look.At)}" y1="{number (y (offset look.Told.Latest))}" y2="{number (y (offset look.Told.Earliest))}"/>"""
          $"""<polygon class="held" points="{band}"/>"""
          $"""<line class="true" x1="{number left}" x2="{number (wide - right)}" y1="{number (y 0.0)}" y2="{number (y 0.0)}"/>"""
          for hour in hours do
              let at = from + TimeSpan.FromMinutes hour
              let label = TimeSpan.FromMinutes(hour).ToString @"h\:mm"
              $"""<text class="ink" x="{number (x at)}" y="{number (high - bottom + 20.0)}" text-anchor="middle">{label}</text>"""
          $"""<text class="ink" x="{number ((left + wide - right) / 2.0)}" y="{number (high - 8.0)}" text-anchor="middle">hours since the first audit that heard it</text>"""
          "</svg>\n" ]
    )

// A picture that is not well formed is none, whether it is written or not.
XDocument.Parse picture |> ignore

printfn
    "one connection, %d audits: its start is known to %.1f ms after the first, and to %.1f ms after the last"
    drawn.Looks.Count
    (widthOf first.Held)
    (widthOf last.Held)

match Map.tryFind "--svg" arguments.Options with
| Some file ->
    File.WriteAllText(file, picture)
    printfn "drawn: %s" file
| None -> ()
