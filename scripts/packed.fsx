// Packs the libraries, looks into the packages, and runs the examples of their readmes from the packages alone, as a
// stranger would: dotnet fsi scripts/packed.fsx
#load "lib/callserver.fsx"

open System
open System.Diagnostics
open System.IO
open System.IO.Compression
open System.Reflection.Metadata
open System.Reflection.PortableExecutable
open System.Xml.Linq
open Callserver

let root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, ".."))
let libraries = [ "CallServer.Wire"; "CallServer.Core" ]

/// Portable PDB: the source of a document, as custom debug information.
let embeddedSource = Guid "0E8A571B-6926-466E-B4AD-8AB04611F5FE"

let run (folder: string) (settings: (string * string) list) (program: string) (words: string list) : string =
    let start =
        ProcessStartInfo(
            program,
            words,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    for name, value in settings do
        start.Environment[name] <- value

    use child = Process.Start start
    let complaints = child.StandardError.ReadToEndAsync()
    let output = child.StandardOutput.ReadToEnd()
    child.WaitForExit()

    if child.ExitCode <> 0 then
        failwith $"{program} {words.Head} failed:\n{output}\n{complaints.Result}"

    output

let expect (what: string) (holds: bool) : unit =
    if not holds then
        failwith $"the packages lack this: {what}"

let read (archive: ZipArchive) (name: string) : byte[] =
    match archive.GetEntry name with
    | null -> failwith $"the package has no {name}"
    | entry ->
        use stream = entry.Open()
        use copy = new MemoryStream()
        stream.CopyTo copy
        copy.ToArray()

/// The one package of this name and kind.
let find (packages: string) (library: string) (kind: string) : string =
    Directory.GetFiles(packages, $"{library}.*.{kind}") |> Array.exactlyOne

let lookInto (packages: string) (library: string) : unit =
    use package = ZipFile.OpenRead(find packages library "nupkg")
    use nuspec = new MemoryStream(read package $"{library}.nuspec")
    let manifest = XDocument.Load nuspec

    let named (name: string) =
        manifest.Descendants() |> Seq.filter (fun element -> element.Name.LocalName = name)

    let text name = named name |> Seq.map _.Value |> String.concat ";"

    let dependencies =
        [ for dependency in named "dependency" do
              (dependency.Attribute(XName.Get "id")).Value, (dependency.Attribute(XName.Get "version")).Value ]

    expect "the licence" (text "license" = "Apache-2.0")
    expect "the readme" (text "readme" = "PACKAGE.md" && (read package "PACKAGE.md").Length > 0)
    expect "a description and tags" (text "description" <> "Package Description" && text "tags" <> "")
    expect "documentation" ((read package $"lib/net10.0/{library}.xml").Length > 10_000)
    let ours = libraries |> List.filter (fun other -> other <> library && library = "CallServer.Core")

    expect
        "its dependencies alone"
        (List.sort (List.map fst dependencies) = List.sort ("FSharp.Core" :: ours))
    // An exact version would forbid every newer FSharp.Core.
    expect
        "open dependencies"
        (dependencies |> List.forall (fun (_, version) -> not (version.StartsWith '[')))

    use symbols = ZipFile.OpenRead(find packages library "snupkg")
    use pdb = new MemoryStream(read symbols $"lib/net10.0/{library}.pdb")
    use provider = MetadataReaderProvider.FromPortablePdbStream pdb
    let reader = provider.GetMetadataReader()

    for handle in reader.Documents do
        let name = reader.GetString(reader.GetDocument(handle).Name)

        expect
            $"a source without a path of this machine: {name}"
            (name.StartsWith("/_/", StringComparison.Ordinal))

        let sources =
            reader.GetCustomDebugInformation(DocumentHandle.op_Implicit handle: EntityHandle)
            |> Seq.filter (fun info ->
                reader.GetGuid(reader.GetCustomDebugInformation(info).Kind) = embeddedSource)

        expect $"the source of {name}" (not (Seq.isEmpty sources))

    use assembly = new PEReader(new MemoryStream(read package $"lib/net10.0/{library}.dll"))

    for entry in assembly.ReadDebugDirectory() do
        if entry.Type = DebugDirectoryEntryType.CodeView then
            let path = assembly.ReadCodeViewDebugDirectoryData(entry).Path
            expect $"an assembly without a path of this machine: {path}" (not (path.Contains root))

    let versions = [ for name, version in dependencies -> $"{name} {version}" ]
    let needs = String.Join(", ", versions)
    printfn $"{library}: {Seq.length reader.Documents} sources in its symbols; needs {needs}"

/// The example of a readme.
let exampleOf (library: string) : string =
    let readme = File.ReadAllText(Path.Combine(root, "src", library, "PACKAGE.md"))
    let from = readme.IndexOf("```fsharp\n", StringComparison.Ordinal) + "```fsharp\n".Length
    readme.Substring(from, readme.IndexOf("```\n", from, StringComparison.Ordinal) - from)

let tryFrom (packages: string) (folder: string) : unit =
    // No other source: what the packages need besides is in the SDK. And a folder of packages of its own, because one that
    // was taken from an earlier pack would be found there.
    File.WriteAllText(
        Path.Combine(folder, "nuget.config"),
        $"""<configuration><packageSources><clear /><add key="packed" value="{packages}" /></packageSources></configuration>"""
    )

    let script = String.Join('\n', $"#i \"nuget: {packages}\"" :: List.map exampleOf libraries)

    File.WriteAllText(Path.Combine(folder, "stranger.fsx"), script)

    let taken = "NUGET_PACKAGES", Path.Combine(folder, "taken")
    let output = run folder [ taken ] "dotnet" [ "fsi"; "--quiet"; "stranger.fsx" ]

    printf $"{output}"
    expect "the example of Wire" (output.Contains "request id 4711")
    expect "the example of Core" (output.Contains "octets to 192.0.2.1:161")

let main () =
    use folder = new Folder()
    let packages = folder.File "packages"
    run root [] "bash" [ "scripts/pack.sh"; packages ] |> ignore
    libraries |> List.iter (lookInto packages)
    Directory.CreateDirectory(folder.File "stranger") |> ignore
    tryFrom packages (folder.File "stranger")

main ()
