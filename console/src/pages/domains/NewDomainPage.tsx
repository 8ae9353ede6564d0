export default function NewDomainPage() {
	return null;
}
