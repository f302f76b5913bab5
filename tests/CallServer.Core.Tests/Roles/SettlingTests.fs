/// What becomes of the records that a standby holds.
module CallServer.Tests.Roles.SettlingTests

open System
open CallServer.Model
open CallServer.Roles
open CallServer.Tests.Ledger.Build
open CallServer.Tests

let private final: HeldRecord = { Sequence = 1L; Id = "cdr-1"; IsFinal = true }
let private grace = TimeSpan.FromSeconds 30.0

let private fate isWritten isActive since record =
    Settling.fate (at 100.0) grace isWritten isActive since record

let private is (expected: HeldFate) (actual: HeldFate) =
    (actual = expected) |> Check.because $"%A{actual}" Check.isTrue

let ``what the other server has written is forgotten, whatever else it says`` =
    example (fun () ->
        for isActive in [ false; true ] do
            for since in [ ValueNone; ValueSome(at 0.0) ] do
                fate true isActive since final |> is HeldFate.Forget)

let ``beginnings and interim records are the other server's alone`` =
    example (fun () ->
        fate false false (ValueSome(at 0.0)) { final with IsFinal = false } |> is HeldFate.Forget)

let ``a connection that is active there is waited for`` =
    example (fun () -> fate false true (ValueSome(at 0.0)) final |> is HeldFate.Keep)

let ``what nobody knows is written here after its grace, and not before`` =
    example (fun () ->
        fate false false ValueNone final |> is (HeldFate.Wait(at 100.0))
        fate false false (ValueSome(at 70.1)) final |> is (HeldFate.Wait(at 70.1))
        fate false false (ValueSome(at 70.0)) final |> is HeldFate.Write)

let ``the grace is three audits of the slowest gateway, and 5 s at least`` =
    examples [ 1.0, 5.0; 10.0, 30.0 ] (fun (interval: float, expected: float) ->
        Settling.grace (TimeSpan.FromSeconds interval) |> Check.equal (TimeSpan.FromSeconds expected))
