/// What a heartbeat may say, as it comes from the network.
module CallServer.Tests.Roles.RoleSurfaceTests

open System
open NUnit.Framework
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Roles

let private server () =
    ServerRole.Start(
        Build.at 0,
        "b",
        "http://b",
        TimeSpan.FromMilliseconds 250.0,
        4,
        false,
        true,
        0,
        Nullable(),
        "http://a"
    )

let private greeting: GreetingView =
    { Server = "a"; Epoch = 3; Role = "primary"; HandsOver = false; Url = "http://a2:8080" }

let private hear greeting = (server ()).Heard(Build.at 100, greeting)

[<Test>]
let ``a greeting is taken in`` () =
    let next = hear greeting
    Assert.That(next.Role, Is.EqualTo "standby")
    Assert.That(next.Epoch, Is.EqualTo 3)
    Assert.That(next.Peer, Is.EqualTo "http://a2:8080")
    Assert.That(next.Greeting.Role, Is.EqualTo "standby")
    Assert.That((server ()).Greeting.Role, Is.EqualTo "joining")

[<Test>]
let ``what is no greeting counts as nothing heard`` () =
    let noGreetings =
        [ Unchecked.defaultof<GreetingView>
          { greeting with Server = null }
          { greeting with Server = "" }
          { greeting with Server = "a\nb" }
          { greeting with Server = String('a', 256) }
          { greeting with Epoch = -1 }
          { greeting with Epoch = Int32.MaxValue }
          { greeting with Role = null }
          { greeting with Role = "Primary" } ]

    for place, no in List.indexed noGreetings do
        Assert.That(hear no, Is.Null, $"number {place}")

[<TestCase(null)>]
[<TestCase("")>]
[<TestCase("a2:8080")>]
[<TestCase("/v1")>]
[<TestCase("file:///etc/passwd")>]
[<TestCase("http://a2/\n")>]
let ``an address that is none leaves the known one`` (url: string) =
    Assert.That((hear { greeting with Url = url }).Peer, Is.EqualTo "http://a")

[<Law>]
let ``no text throws`` (server: string) (epoch: int) (role: string) (url: string) =
    hear { Server = server; Epoch = epoch; Role = role; HandsOver = true; Url = url }
    |> isNull
    |> ignore

    hear { Server = "a"; Epoch = epoch; Role = "active"; HandsOver = true; Url = url }
    |> isNull
    |> ignore

[<Test>]
let ``commands come in order`` () =
    let said = ResizeArray<string>()

    let sink =
        { new IRoleSink with
            member _.AskPeer url = said.Add $"ask {url}"
            member _.WakeAt instant = said.Add "wake"
            member _.Keep(epoch, acts, peer) = said.Add $"keep {epoch} {acts} {peer}"
            member _.Assume(pace, writes) = said.Add $"assume {pace} {writes}"
            member _.LookAround() = said.Add "look around"
            member _.Recover takeover = said.Add $"recover {takeover.Epoch} {takeover.Cause}"
            member _.Say _ = said.Add "say"
            member _.Answer refusal = said.Add $"answer {refusal}" }

    (server ()).TakeOver(Build.at 100).Dispatch sink

    let expected =
        [ "answer "
          "keep 2 True http://a"
          "assume Full True"
          "say"
          "recover 2 operator"
          "ask http://a" ]

    Assert.That(List.ofSeq said = expected, String.concat "; " said)
