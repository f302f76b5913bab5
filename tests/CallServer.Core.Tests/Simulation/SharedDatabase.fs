namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// One start of one host.
[<Struct>]
type HostRun = { Host: int; Run: int }

/// What the membership says of a host.
[<RequireQualifiedAccess>]
type Membership =
    | Active
    | Leaving
    | Dead

/// What a host wants to write about one gateway, folded from what it learnt since its last commit.
type SharedCommit =
    {
        Place: int
        /// The epoch of the gateway's unit under which it was learnt.
        Epoch: int64
        Ledger: GatewayLedger
        Cdrs: KeptCdr list
    }

/// A unit as its new owner gets it: the record of its gateways, and what each one's writer last read of the clock;
/// ValueNone if nobody has written it.
type SharedClaim = { Epoch: int64; Record: struct (int * GatewayLedger * ClockReading voption) list }

/// The database of a fleet: each call is one transaction. `unitOf` gives the unit of each gateway; the database's
/// clock is ahead of true time by `ahead`.
type SharedDatabase(clock: Clockwork, gateways: GatewayId[], unitOf: int[], ahead: TimeSpan) =
    let units = Array.max unitOf + 1
    let epochs = Array.create units 0L
    let owners: HostRun voption[] = Array.create units ValueNone
    let members = Dictionary<HostRun, Membership>()
    let readings = Dictionary<HostRun, ClockReading>()

    let rows =
        gateways |> Array.map (fun id -> struct (GatewayLedger.empty id, (ValueNone: HostRun voption)))

    let disk = PairDisk gateways

    let isDead (run: HostRun) =
        match members.TryGetValue run with
        | true, (Membership.Active | Membership.Leaving) -> false
        | true, Membership.Dead
        | false, _ -> true

    member _.Units = units
    member _.Members = members
    member _.Owners = owners
    member _.Epochs = epochs
    /// Holds the CDRs.
    member _.Disk = disk
    member _.Clock: Instant = clock.Now + ahead

    member _.IsActive(run: HostRun) =
        match members.TryGetValue run with
        | true, Membership.Active -> true
        | true, (Membership.Leaving | Membership.Dead)
        | false, _ -> false

    /// ValueNone if the host is no active member or somebody else has the unit.
    member this.Claim(run: HostRun, unit: int) : SharedClaim voption =
        let isFree =
            match owners[unit] with
            | ValueNone -> true
            | ValueSome owner -> owner = run || isDead owner

        if not (this.IsActive run) || not isFree then
            ValueNone
        else
            epochs[unit] <- epochs[unit] + 1L
            owners[unit] <- ValueSome run

            ValueSome
                { Epoch = epochs[unit]
                  Record =
                    [ for place in 0 .. gateways.Length - 1 do
                          if unitOf[place] = unit then
                              let struct (ledger, writer) = rows[place]

                              let reading =
                                  match writer with
                                  | ValueSome writer -> ValueSome readings[writer]
                                  | ValueNone -> ValueNone

                              struct (place, ledger, reading) ] }

    /// Whether each commit is written; `written` is told of those. A CDR that is there is not written again.
    member _.Commit
        (run: HostRun, reading: ClockReading, commits: SharedCommit list, written: SharedCommit -> unit)
        : bool list =
        readings[run] <- reading

        [ for commit in commits do
              let isHeld = epochs[unitOf[commit.Place]] = commit.Epoch

              if isHeld then
                  rows[commit.Place] <- struct (commit.Ledger, ValueSome run)

                  for kept in commit.Cdrs do
                      disk.Written.TryAdd(kept.Cdr.Id, kept) |> ignore

                  written commit

              isHeld ]

    member _.HandOver(unit: int, epoch: int64) =
        if epochs[unit] = epoch then
            owners[unit] <- ValueNone
