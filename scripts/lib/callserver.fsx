// Runs the built callserver as a child of a script. Build first: dotnet build -c Release

open System
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Net
open System.Net.Sockets
open System.Threading
open System.Threading.Channels
open System.Threading.Tasks

let private program =
    let name = if OperatingSystem.IsWindows() then "callserver.exe" else "callserver"
    Path.Combine(__SOURCE_DIRECTORY__, "../../src/CallServer.Host/bin/Release/net10.0", name)

/// A running callserver. It ends with its input, so also with the script.
type Child(words: string list) =
    let lines = Channel.CreateUnbounded<string>()
    let complaints = Queue<string>()

    let child =
        let start =
            ProcessStartInfo(
                program,
                words @ [ "--end-with-input" ],
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true
            )

        // The user's own settings are meant for the user's own server.
        for name in List.ofSeq start.Environment.Keys do
            if name.StartsWith("CALLSERVER", StringComparison.OrdinalIgnoreCase) then
                start.Environment.Remove name |> ignore

        Process.Start start

    do
        child.OutputDataReceived.Add(fun line ->
            if isNull line.Data then
                lines.Writer.TryComplete() |> ignore
            else
                lines.Writer.TryWrite line.Data |> ignore)

        child.ErrorDataReceived.Add(fun line ->
            if not (isNull line.Data) then
                lock complaints (fun () -> complaints.Enqueue line.Data))

        child.BeginOutputReadLine()
        child.BeginErrorReadLine()

    let failed what =
        let said = lock complaints (fun () -> String.Join('\n', complaints))
        failwith $"callserver {words.Head} {what}\n{said}"

    /// The next line of its output that begins so.
    member _.LineAsync(beginning: string, cancel: CancellationToken) : Task<string> =
        task {
            let mutable found = null

            while isNull found do
                let! isThere = lines.Reader.WaitToReadAsync cancel

                if not isThere then
                    failed $"ended before it printed {beginning}…"

                let! line = lines.Reader.ReadAsync cancel

                if line.StartsWith(beginning, StringComparison.Ordinal) then
                    found <- line

            return found
        }

    /// Asks it to end, and waits until it has.
    member _.StopAsync(cancel: CancellationToken) : Task =
        task {
            child.StandardInput.Close()
            do! child.WaitForExitAsync cancel
        }

    interface IDisposable with
        member _.Dispose() =
            if not child.HasExited then
                child.StandardInput.Close()

                if not (child.WaitForExit(TimeSpan.FromSeconds 10.0)) then
                    child.Kill(entireProcessTree = true)

            child.Dispose()

/// A folder for temporary files, which goes with its contents.
type Folder() =
    let info = Directory.CreateTempSubdirectory "callserver-script-"
    member _.File(name: string) = Path.Combine(info.FullName, name)

    interface IDisposable with
        member _.Dispose() = info.Delete(recursive = true)

/// A port of this machine on which nothing listens now.
let freePort () : int =
    use listener = new TcpListener(IPAddress.Loopback, 0)
    listener.Start()
    (listener.LocalEndpoint :?> IPEndPoint).Port
