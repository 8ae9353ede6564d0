// The access log of one domain, as it is written.
import { useParams } from "react-router";
import { LogView } from "./LogView";

export default function DomainLogsPage() {
	const { name = "" } = useParams();
	return <LogView key={name} domain={name} />;
}
