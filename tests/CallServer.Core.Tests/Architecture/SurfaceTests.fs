/// The surface that C# may touch is recorded in a text file, so that a review sees every change of it.
module CallServer.Tests.Architecture.SurfaceTests

open System
open System.IO
open System.Reflection
open System.Runtime.CompilerServices
open CallServer.Tests

let private name (t: Type) : string =
    let rec show (t: Type) =
        if t.IsGenericType then
            let arguments = t.GetGenericArguments() |> Array.map show |> String.concat ", "
            $"{t.Name.Split('`')[0]}<{arguments}>"
        elif t.IsByRef then
            "out " + show (t.GetElementType())
        else
            t.Name

    show t

let private describe (t: Type) =
    let flags =
        BindingFlags.Public ||| BindingFlags.Instance ||| BindingFlags.Static ||| BindingFlags.DeclaredOnly

    let generated = [ "Equals"; "GetHashCode"; "CompareTo"; "ToString" ]

    let members =
        [ for p in t.GetProperties flags do
              $"  {p.Name}: {name p.PropertyType}"
          for m in t.GetMethods flags do
              if not m.IsSpecialName && not (List.contains m.Name generated) then
                  let parameters =
                      m.GetParameters()
                      |> Array.map (fun p -> $"{p.Name}: {name p.ParameterType}")
                      |> String.concat ", "

                  let how = if m.IsStatic then "static " else ""
                  $"  {how}{m.Name}({parameters}): {name m.ReturnType}" ]
        |> List.sort

    String.concat "\n" (t.Name :: members)

type private Here =
    static member Folder([<CallerFilePath>] ?path: string) = Path.GetDirectoryName path.Value

let ``the surface is the approved one`` =
    example (fun () ->
        let surface =
            typeof<CallServer.Surface.AuditResult>.Assembly.GetExportedTypes()
            |> Array.filter (fun t -> t.Namespace = "CallServer.Surface")
            |> Array.sortBy _.Name
            |> Array.map describe
            |> String.concat "\n\n"

        let approved = Path.Combine(Here.Folder(), "Surface.approved.txt")
        let received = Path.Combine(AppContext.BaseDirectory, "Surface.received.txt")
        let expected = if File.Exists approved then File.ReadAllText(approved).TrimEnd() else ""

        if surface <> expected then
            File.WriteAllText(received, surface + "\n")

            failtest
                $"the surface changed: compare {received} with {approved}, and copy it over when the change is meant")
