/// Enforces the walls of the architecture, read from the compiled assemblies and the sources.
module CallServer.Tests.Architecture.PurityTests

open System
open System.IO
open System.Reflection.Metadata
open System.Reflection.PortableExecutable
open System.Runtime.CompilerServices
open System.Text.RegularExpressions
open CallServer.Tests

let private forbiddenNamespaces =
    [ "System.Net.Sockets"
      "System.Net.Http"
      "System.Threading"
      "System.Threading.Tasks"
      "System.Timers" ]

let private forbiddenTypes =
    [ "System.IO.File"
      "System.IO.Directory"
      "System.IO.FileStream"
      "System.IO.FileInfo"
      "System.IO.Path"
      "System.IO.StreamWriter"
      "System.Environment"
      "System.Console"
      "System.Random"
      "System.TimeProvider"
      "System.Diagnostics.Process"
      "System.Diagnostics.Stopwatch"
      "System.Net.Dns"
      "System.Security.Cryptography.RandomNumberGenerator"
      "Microsoft.FSharp.Control.FSharpAsync" ]

let private forbiddenMembers =
    [ "get_UtcNow"
      "get_Now"
      "get_Today"
      "NewGuid"
      "CreateVersion7"
      "get_TickCount"
      "get_TickCount64"
      "GetTimestamp" ]

/// Every outside type and member that an assembly refers to.
let private references (assembly: Reflection.Assembly) =
    use file = File.OpenRead assembly.Location
    use image = new PEReader(file)
    let metadata = image.GetMetadataReader()

    let typeName (handle: TypeReferenceHandle) =
        let reference = metadata.GetTypeReference handle
        metadata.GetString reference.Namespace, metadata.GetString reference.Name

    let types = [ for handle in metadata.TypeReferences -> typeName handle ]

    let members =
        [ for handle in metadata.MemberReferences do
              let reference = metadata.GetMemberReference handle

              if reference.Parent.Kind = HandleKind.TypeReference then
                  let space, name = typeName (TypeReferenceHandle.op_Explicit reference.Parent)
                  $"{space}.{name}", metadata.GetString reference.Name ]

    types, members

let private offences assembly =
    let types, members = references assembly

    [ for space, name in types do
          if List.contains space forbiddenNamespaces || List.contains $"{space}.{name}" forbiddenTypes then
              $"{space}.{name}"
      for owner, name in members do
          if owner.StartsWith("System.", StringComparison.Ordinal) && List.contains name forbiddenMembers then
              $"{owner}.{name}" ]

let ``a pure assembly names no clock, socket, file, thread, randomness or environment`` =
    examples [ "Wire"; "Core"; "Gateway" ] (fun (which: string) ->
        offences (Reflection.Assembly.Load $"CallServer.{which}") |> Check.isEmpty)

let ``the scan sees what it looks for`` =
    example (fun () ->
        // This test assembly reads files: if the scan finds nothing here, it finds nothing anywhere.
        offences (Reflection.Assembly.GetExecutingAssembly()) |> Check.isNotEmpty)

type Here =
    static member Source([<CallerFilePath>] ?path: string) =
        Path.Combine(Path.GetDirectoryName path.Value, "..", "..", "..", "src")

    static member Core() = Path.Combine(Here.Source(), "CallServer.Core")

/// Every line below a folder that contains one of these words, not counting comments.
let private naming (folder: string) (pattern: string) (words: Regex) : string list =
    [ for file in Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories) do
          if not (file.Contains $"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}") then
              for line in File.ReadLines file do
                  let code = line.TrimStart()

                  if not (code.StartsWith("//", StringComparison.Ordinal)) && words.IsMatch code then
                      $"{Path.GetRelativePath(folder, file)}: {code}" ]

/// The folders of the pure projects, and the other folders that each of them may name; all others are forbidden.
let private walls =
    let ground = [ "Prelude"; "Model" ]
    let protocol name = $"Protocols.{name}", ground @ [ "Ledger"; "Wire"; "Exchange"; "Protocols" ]

    Map
        [ "Prelude", []
          "Model", [ "Prelude" ]
          "Wire", ground
          "Ledger", ground
          "Exchange", ground @ [ "Ledger"; "Wire" ]
          protocol "Snmp"
          protocol "Mgcp"
          protocol "H248"
          protocol "Sip"
          protocol "Ng"
          protocol "Kamailio"
          protocol "Esl"
          protocol "Ari"
          protocol "OpenSips"
          protocol "Restconf"
          "Protocols",
          ground
          @ [ "Ledger"
              "Wire"
              "Exchange"
              "Protocols.Snmp"
              "Protocols.Mgcp"
              "Protocols.H248"
              "Protocols.Sip"
              "Protocols.Ng"
              "Protocols.Kamailio"
              "Protocols.Esl"
              "Protocols.Ari"
              "Protocols.OpenSips"
              "Protocols.Restconf" ]
          "Polling", ground
          "Roles", ground @ [ "Ledger"; "Polling" ]
          "Units", ground
          "Accounting", ground @ [ "Wire" ]
          "Disputes", ground ]

let private namespaceOf = Regex(@"^namespace CallServer\.([\w.]+)")

let private named =
    Regex(@"\bCallServer\.([A-Z]\w*(?:\.(?:Snmp|Mgcp|H248|Sip|Ng|Kamailio|Esl|Ari|OpenSips|Restconf)\b)?)")

let ``each folder names only what stands below it: no protocol another, and the ledger not the wire`` =
    example (fun () ->
        skipUnless (Directory.Exists(Here.Source())) "the sources are beside the tests"

        let wrong =
            [ for project in [ "Wire"; "Core" ] do
                  let folder = Path.Combine(Here.Source(), $"CallServer.{project}")

                  for file in Directory.EnumerateFiles(folder, "*.fs", SearchOption.AllDirectories) do
                      let own =
                          File.ReadLines file
                          |> Seq.tryPick (fun line ->
                              match namespaceOf.Match line with
                              | found when found.Success -> Some found.Groups[1].Value
                              | _ -> None)

                      match
                          own
                          |> Option.bind (fun own -> walls.TryFind own |> Option.map (fun may -> own, may))
                      with
                      | None when own = Some "Surface" || own.IsNone -> ()
                      | None -> $"{Path.GetRelativePath(folder, file)}: no wall for {own}"
                      | Some(own, may) ->
                          for line in File.ReadLines file do
                              for name in named.Matches line do
                                  let other = name.Groups[1].Value

                                  if other <> own && not (List.contains other may) then
                                      $"{Path.GetRelativePath(folder, file)}: {line.Trim()}" ]

        wrong |> Check.isEmpty)

let private protocols = Regex(@"\b(snmp|mgcp|sip|ng|rtpengine)\b", RegexOptions.IgnoreCase)

let ``the ledger names no protocol`` =
    example (fun () ->
        let core = Here.Core()
        skipUnless (Directory.Exists core) "the sources are beside the tests"
        naming (Path.Combine(core, "Ledger")) "*.fs" protocols |> Check.isEmpty

        naming (Path.Combine(core, "Protocols")) "*.fs" protocols
        |> Check.because "the scan sees" Check.isNotEmpty)

let private inner = "Ledger|Exchange|Protocols|Polling|Roles|Units|Accounting"

let ``who stands outside of the core names its outer parts alone`` =
    examples
        [ "CallServer.Host", "*.cs", inner + "|Wire|Prelude"
          "CallServer.Server", "*.cs", inner + "|Wire|Prelude"
          "CallServer.Storage", "*.cs", inner + "|Wire|Prelude"
          "CallServer.Storage.Postgres", "*.cs", inner + "|Wire|Prelude|Server|Fleet|Host"
          "CallServer.Fleet", "*.cs", inner + "|Wire|Prelude|Gateway|Host"
          "CallServer.Gateway", "*.fs", inner + "|Surface" ]
        (fun (project, pattern, inner: string) ->
            let folder = Path.Combine(Here.Source(), project)
            skipUnless (Directory.Exists folder) "the sources are beside the tests"
            naming folder pattern (Regex $@"\bCallServer\.({inner})\b(?!""\))") |> Check.isEmpty)
