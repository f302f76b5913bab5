/// What becomes of the records that a standby holds.
module CallServer.Tests.Roles.SettlingTests

open System
open NUnit.Framework
open CallServer.Model
open CallServer.Roles
open CallServer.Tests.Ledger.Build

let private final: HeldRecord = { Sequence = 1L; Id = "cdr-1"; IsFinal = true }
let private grace = TimeSpan.FromSeconds 30.0

let private fate isWritten isActive since record =
    Settling.fate (at 100.0) grace isWritten isActive since record

let private is (expected: HeldFate) (actual: HeldFate) = Assert.That((actual = expected), $"%A{actual}")

[<Test>]
let ``what the other server has written is forgotten, whatever else it says`` () =
    for isActive in [ false; true ] do
        for since in [ ValueNone; ValueSome(at 0.0) ] do
            fate true isActive since final |> is HeldFate.Forget

[<Test>]
let ``beginnings and interim records are the other server's alone`` () =
    fate false false (ValueSome(at 0.0)) { final with IsFinal = false } |> is HeldFate.Forget

[<Test>]
let ``a connection that is active there is waited for`` () =
    fate false true (ValueSome(at 0.0)) final |> is HeldFate.Keep

[<Test>]
let ``what nobody knows is written here after its grace, and not before`` () =
    fate false false ValueNone final |> is (HeldFate.Wait(at 100.0))
    fate false false (ValueSome(at 70.1)) final |> is (HeldFate.Wait(at 70.1))
    fate false false (ValueSome(at 70.0)) final |> is HeldFate.Write

[<TestCase(1.0, 5.0)>]
[<TestCase(10.0, 30.0)>]
let ``the grace is three audits of the slowest gateway, and 5 s at least``
    (interval: float)
    (expected: float)
    =
    Assert.That(Settling.grace (TimeSpan.FromSeconds interval), Is.EqualTo(TimeSpan.FromSeconds expected))
