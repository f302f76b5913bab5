/// What a heartbeat from the network may contain.
module CallServer.Tests.Roles.RoleSurfaceTests

open System
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Roles

let private server () =
    ServerRole.Start(
        Build.at 0,
        "b",
        TimeSpan.FromMilliseconds 250.0,
        4,
        TimeSpan.FromSeconds 30.0,
        false,
        true,
        0,
        Nullable(),
        "http://a"
    )

let private greeting: GreetingView =
    { Server = "a"
      Epoch = 3
      Role = "primary"
      HandsOver = false
      Anew = false
      HeartbeatMs = Nullable()
      Misses = Nullable() }

let private hear greeting = (server ()).Heard(Build.at 100, greeting)

let ``a greeting is taken in`` =
    example (fun () ->
        let next = hear greeting
        next.Role |> Check.equal "standby"
        next.Epoch |> Check.equal 3
        next.Peer |> Check.equal "http://a"
        next.Greeting.Role |> Check.equal "standby"
        (server ()).Greeting.Role |> Check.equal "joining")

let ``what is no greeting counts as nothing heard`` =
    example (fun () ->
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
            hear no |> Check.because $"number {place}" Check.isNull)

let ``no text throws`` =
    law (fun (server: string) (epoch: int) (role: string) (anew: bool) (heartbeat: int64) (misses: int) ->
        let any =
            { Server = server
              Epoch = epoch
              Role = role
              HandsOver = true
              Anew = anew
              HeartbeatMs = Nullable heartbeat
              Misses = Nullable misses }

        hear any |> isNull |> ignore
        hear { any with Server = "a"; Role = "active" } |> isNull |> ignore)

/// The same server, not configured as a backup.
let private primary () =
    ServerRole.Start(
        Build.at 0,
        "a",
        TimeSpan.FromMilliseconds 250.0,
        4,
        TimeSpan.FromSeconds 30.0,
        false,
        false,
        1,
        Nullable true,
        "http://b"
    )

let ``an old primary is as patient as its backup says, where it says so in reason`` =
    examples
        [ 1000L, 30, 30_250; 3_600_000L, 1, 30_250; 0L, 30, 1250; 1000L, 0, 1250; 1000L, 101, 1250 ]
        (fun (heartbeatMs: int64, misses: int, takesOverBy: int) ->
            let acting =
                { greeting with
                    Server = "b"
                    Role = "active"
                    HeartbeatMs = Nullable heartbeatMs
                    Misses = Nullable misses }

            let mutable server = (primary ()).Heard(Build.at 0, acting)
            server.Role |> Check.equal "standby"
            let mutable time = 0

            while not server.Acts && time < 60_000 do
                time <- time + 250
                server <- server.Tick(Build.at time)

            time |> Check.equal takesOverBy)

let ``a backup tells its patience, and keeps it whatever the other one tells`` =
    example (fun () ->
        let told = (hear { greeting with HeartbeatMs = Nullable 1000L; Misses = Nullable 30 }).Greeting
        told.HeartbeatMs |> Check.equal (Nullable 250L)
        told.Misses |> Check.equal (Nullable 4)
        (primary ()).Greeting.Misses.HasValue |> Check.isFalse)

let ``commands come in order`` =
    example (fun () ->
        let said = ResizeArray<string>()

        let sink =
            { new IRoleSink with
                member _.AskPeer url = said.Add $"ask {url}"
                member _.WakeAt instant = said.Add "wake"
                member _.Keep(epoch, acts) = said.Add $"keep {epoch} {acts}"
                member _.Assume(pace, writes, recovers) = said.Add $"assume {pace} {writes} {recovers}"
                member _.LookAround() = said.Add "look around"
                member _.Recover takeover = said.Add $"recover {takeover.Epoch} {takeover.Cause}"
                member _.Say _ = said.Add "say"
                member _.Answer refusal = said.Add $"answer {refusal}" }

        (server ()).TakeOver(Build.at 100).Dispatch sink

        let expected =
            [ "answer "
              "keep 2 True"
              "say"
              "ask http://a"
              "assume Full True True"
              "recover 2 operator" ]

        (List.ofSeq said = expected) |> Check.because (String.concat "; " said) Check.isTrue)
